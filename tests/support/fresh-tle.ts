/** Orbital elements for a test: of the ISS, as far as it matters, with an epoch that is now. */
export function freshTle(): string[] {
  const now = new Date();
  const day = (now.getTime() - Date.UTC(now.getUTCFullYear(), 0, 1)) / 86_400_000 + 1;
  const epoch = `${String(now.getUTCFullYear() % 100).padStart(2, "0")}${day.toFixed(8).padStart(12, "0")}`;
  const lines = [
    `1 25544U 98067A   ${epoch}  .00016717  00000-0  10270-3 0  900`,
    `2 25544  51.6400 208.9163 0006317  69.9862  25.2906 15.5000000000001`,
  ];
  return lines.map((line) => {
    const sum = [...line].reduce((total, c) => total + (c === "-" ? 1 : c >= "0" && c <= "9" ? Number(c) : 0), 0);
    return `${line}${sum % 10}`;
  });
}
