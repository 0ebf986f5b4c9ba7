import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LatestValue } from "../ground/latest.ts";
import { openParameterStream } from "./parameter-stream.ts";

const sample = (value: number): LatestValue => ({
  value,
  raw: value,
  unit: null,
  limit: null,
  packet: "power",
  at: "2026-01-31T10:20:30.000000+00:00",
});

/** What comes next over the wire, whole. */
async function next(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const { value } = await reader.read();
  return new TextDecoder().decode(value);
}

const valuesIn = (text: string): Record<string, number> => {
  const events = [...text.matchAll(/^event: values\ndata: (.*)\n$/gm)];
  assert.equal(events.length, 1, text);
  const values = JSON.parse(events[0]?.[1] ?? "") as Record<string, LatestValue>;
  return Object.fromEntries(Object.entries(values).map(([name, { value }]) => [name, Number(value)]));
};

describe("the stream of a ship's values", () => {
  it("gives a listener that did not read the newest value of each parameter, once", async () => {
    const stream = openParameterStream(null, () => {});
    const reader = stream.body.getReader();
    assert.equal(await next(reader), "retry: 1000\n\n");
    stream.push({ volts: sample(-1) });
    assert.deepEqual(valuesIn(await next(reader)), { volts: -1 });
    for (let n = 0; n < 100_000; n++) stream.push({ volts: sample(n), [`p${n % 3}`]: sample(n) });
    // One was on its way when the others came.
    await next(reader);
    assert.deepEqual(valuesIn(await next(reader)), { volts: 99_999, p0: 99_999, p1: 99_997, p2: 99_998 });
    stream.push({ volts: sample(7) });
    assert.deepEqual(valuesIn(await next(reader)), { volts: 7 });
  });

  it("tells only of what is wanted, and is heard of when nothing happens", async () => {
    const stream = openParameterStream(new Set(["mode"]), () => {});
    const reader = stream.body.getReader();
    await next(reader);
    stream.push({ volts: sample(1) });
    stream.heartbeat();
    assert.equal(await next(reader), ": here\n\n");
    stream.push({ volts: sample(1), mode: sample(2) });
    assert.deepEqual(valuesIn(await next(reader)), { mode: 2 });
  });

  it("says once that it was closed, by whichever side", async () => {
    let closed = 0;
    const ours = openParameterStream(null, () => closed++);
    ours.close();
    ours.close();
    const theirs = openParameterStream(null, () => closed++);
    await theirs.body.cancel();
    theirs.close();
    theirs.push({ volts: sample(1) });
    assert.equal(closed, 2);
  });
});
