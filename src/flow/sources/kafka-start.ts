/** Where to read partitions on: behind what the group has committed or, where that is nothing or no longer there, where the flow's settings say. */
import type { Source } from "../source.ts";
import type { KafkaPositions } from "./kafka-positions.ts";
import { byLeader, type Led, type Reading } from "./kafka-reading.ts";

interface StartParts {
  readonly positions: KafkaPositions;
  readonly from: "earliest" | "latest";
  readonly commit: Source["commit"];
  fail(one: Reading, reason: Error): void;
}

/** Sets the positions that it finds; the others are asked for again. */
export async function findStarts(parts: StartParts, readings: readonly Reading[]): Promise<void> {
  const fresh = readings.filter(({ position }) => position === null);
  const committed = fresh.length > 0 ? await parts.positions.committed(fresh.map(({ name }) => name)) : new Map();
  for (const one of fresh) one.position = committed.get(one.name) ?? null;
  const open = readings.filter((one) => one.position === null || one.isOutOfRange);
  // One broker that does not answer holds up none of the others'.
  await Promise.allSettled([...byLeader(open).values()].map((group) => findStartsAt(parts, group)));
}

async function findStartsAt(parts: StartParts, { leader, readings }: Led): Promise<void> {
  const names = readings.map(({ name }) => name);
  const starts = await parts.positions.starts(leader.broker, names);
  const ends = await parts.positions.ends(leader.broker, names);
  for (const one of readings) {
    const [start, end] = [starts.get(one.name), ends.get(one.name)];
    if (start !== undefined && end !== undefined) await findStart(parts, one, start, end);
  }
}

async function findStart({ from, commit, fail }: StartParts, one: Reading, start: number, end: number): Promise<void> {
  // Kept no longer: the rest is read.
  if (one.position !== null && one.position < start) one.position = start;
  else if (one.isBegun) {
    const reason = `its log ends at offset ${end}, before offset ${one.position} that is to be read next`;
    return fail(one, new Error(`${reason}: the cluster lost messages, start the flow anew to read on`));
  } else if (from === "earliest") one.position = start;
  else {
    // Without it what comes now would be passed over by who reads the partition next, if that is before the first commit.
    await commit(one.name, end);
    one.position = end;
  }
  one.isOutOfRange = false;
}
