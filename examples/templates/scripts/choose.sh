# Takes the smallest error among those that the tasks before handed over.
least=$(grep -o '"error":[0-9.]*' | cut -d: -f2 | sort -n | head -n 1)
printf '{"error":%s}\n' "$least"
