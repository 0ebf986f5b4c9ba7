# Counts the words that the task before handed over. The input is one line of JSON on stdin.
input=$(cat)
words=$(printf '%s' "$input" | sed 's/.*"words":\[\([^]]*\)\].*/\1/' | tr ',' '\n' | grep -c .)
printf '{"count":%d}\n' "$words"
