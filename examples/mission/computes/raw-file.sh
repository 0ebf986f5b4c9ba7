# The packets as they were received: CCSDS packets back to back, copied from the archive, sizes compared.
# Reads the task as JSON on standard input; needs nothing but POSIX tools.
set -eu
task=$(cat)
# The first "telemetry" object is the pass's own: its path is written by Orrery and has no quotes in it.
path=$(printf '%s' "$task" | sed -n 's/.*"telemetry":{"path":"\([^"]*\)".*/\1/p')
pass=$(printf '%s' "$task" | sed -n 's/.*"pass":{"id":"\([0-9a-f-]*\)".*/\1/p')
[ -n "$pass" ] && [ -f "$path" ] || { echo "no archive of a pass in the task" >&2; exit 1; }

ship_folder=${path%/*}
data=${ship_folder%/archive/*}
folder=$data/products/$pass
mkdir -p "$folder"
cp "$path" "$folder/.packets.part"
mv "$folder/.packets.part" "$folder/packets.ccsds"
cmp "$path" "$folder/packets.ccsds"

set -- $(cksum < "$folder/packets.ccsds")
echo "copied $2 octets from $path"
printf '{"files":[{"name":"packets.ccsds","path":"%s","bytes":%s,"cksum":"%s"}]}\n' "$folder/packets.ccsds" "$2" "$1"
