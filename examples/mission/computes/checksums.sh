# A list of every file that the pass's products made, with checksum and size, as cksum prints it.
# Reads the task as JSON on standard input; needs nothing but POSIX tools.
set -eu
task=$(cat)
path=$(printf '%s' "$task" | sed -n 's/.*"telemetry":{"path":"\([^"]*\)".*/\1/p')
pass=$(printf '%s' "$task" | sed -n 's/.*"pass":{"id":"\([0-9a-f-]*\)".*/\1/p')
[ -n "$pass" ] && [ -n "$path" ] || { echo "no archive of a pass in the task" >&2; exit 1; }

ship_folder=${path%/*}
folder=${ship_folder%/archive/*}/products/$pass
cd "$folder"
rm -f CHECKSUMS
cksum -- *.* > .checksums.part
mv .checksums.part CHECKSUMS
cat CHECKSUMS

files=$(wc -l < CHECKSUMS)
bytes=$(awk '{ sum += $2 } END { printf "%d", sum }' CHECKSUMS)
set -- $(cksum < CHECKSUMS)
printf '{"files":[{"name":"CHECKSUMS","path":"%s","bytes":%s,"cksum":"%s"}],"listed":%d,"listed_bytes":%s}\n' \
  "$folder/CHECKSUMS" "$2" "$1" "$files" "$bytes"
