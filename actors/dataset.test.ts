import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createActor } from "xstate";
import { type DatasetEmitted, type DatasetEvent, datasetMachine } from "./dataset.ts";

const stamp = { by: "tester", at: "2026-01-31T10:20:30.123456+00:00" };
const row = {
  datasetId: "22222222-2222-4222-8222-222222222222",
  paused: false,
  extra: null,
  modifiedBy: "before",
  modifiedAt: "2026-01-01T00:00:00.000000+00:00",
};

function after(...events: DatasetEvent[]) {
  const said: DatasetEmitted[] = [];
  const actor = createActor(datasetMachine, { input: row });
  actor.on("*", (what) => said.push(what));
  actor.start();
  for (const event of events) actor.send(event);
  return { state: actor.getSnapshot().value, row: actor.getSnapshot().context, said };
}

describe("a dataset", () => {
  it("is paused and unpaused, and says so each time", () => {
    const paused = after({ type: "paused", stamp });
    assert.deepEqual([paused.state, paused.row.paused], ["paused", true]);
    assert.deepEqual(paused.said, [
      { type: "dataset.changed", row: { ...row, paused: true, modifiedBy: "tester", modifiedAt: stamp.at } },
    ]);
    const unpaused = after({ type: "paused", stamp }, { type: "unpaused", stamp });
    assert.deepEqual([unpaused.state, unpaused.row.paused], ["active", false]);
  });

  it("takes a new extra when it is published, and keeps the flag", () => {
    const published = after({ type: "paused", stamp }, { type: "published", extra: '{"a":1}', stamp });
    assert.deepEqual([published.state, published.row.extra], ["paused", '{"a":1}']);
  });

  it("ignores a second pause", () => {
    assert.equal(after({ type: "paused", stamp }, { type: "paused", stamp }).said.length, 1);
  });
});
