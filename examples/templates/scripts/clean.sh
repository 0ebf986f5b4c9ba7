# Counts the readings that are numbers, in the JSON that the task before handed over.
readings=$(sed 's/.*"readings":\[\([^]]*\)\].*/\1/' | tr ',' '\n' | grep -c '[0-9]')
printf '{"readings":%d}\n' "$readings"
