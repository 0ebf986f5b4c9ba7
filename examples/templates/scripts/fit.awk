# Fits y = a x + b to points on y = 3 x + 7 by gradient descent, and prints the mean squared error as JSON.
BEGIN {
  n = 20
  for (epoch = 0; epoch < epochs; epoch++) {
    da = 0; db = 0
    for (x = 0; x < n; x++) {
      u = x / n
      wrong = a * u + b - (60 * u + 7)
      da += 2 * wrong * u / n
      db += 2 * wrong / n
    }
    a -= rate * da
    b -= rate * db
  }
  for (x = 0; x < n; x++) { u = x / n; wrong = a * u + b - (60 * u + 7); sum += wrong * wrong }
  printf "{\"error\":%.3f,\"a\":%.3f,\"b\":%.3f}\n", sum / n, a, b
}
