# Makes up a day's readings. Arguments: the day, the station.
day=$1
station=$2
echo "reading $station for $day" >&2
printf '{"day":"%s","station":"%s","readings":[21,22,null,23,25,null]}\n' "$day" "$station"
