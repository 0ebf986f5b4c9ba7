"""The smallest box around a scene's corners: a task a line, an answer a line, until there is no more input."""
import json
import sys

for line in sys.stdin:
    scene = json.loads(line)["input"]
    east, north = zip(*scene["corners"])
    extent = {"west": min(east), "east": max(east), "south": min(north), "north": max(north)}
    print(json.dumps({"output": {"scene": scene["scene"], "extent": extent}}), flush=True)
