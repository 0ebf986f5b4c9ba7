import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FlowTraceRow } from "../store/flow-traces.ts";
import type { Message } from "./message.ts";
import { createRecorder, type RecorderPolicy } from "./recorder.ts";

const message = (id: string): Message => ({
  ...{ flow: "f", partition: "p", id, offset: 0, key: null, value: "{}", timestampMs: 0, headers: {} },
});
const fault = { stage: "decode", error: new Error("no"), attempts: 1 } as const;

function recorder(
  policy: Partial<RecorderPolicy> = {},
  store: (rows: readonly FlowTraceRow[]) => Promise<void> = async () => {},
) {
  let nowMs = 0;
  const long: string[] = [];
  const one = createRecorder({
    policy: { keptMax: 5, slowMs: 100, loggedMs: 1_000, storedDays: 1, ...policy },
    nodeId: "n",
    labelOf: () => null,
    onLong: ({ id }) => long.push(id),
    store,
    nowMs: () => nowMs,
  });
  const end = (id: string, tookMs = 0, isDead = false) => {
    one.watch.begun([message(id)]);
    nowMs += tookMs;
    if (isDead) one.watch.buried(message(id), fault);
    one.watch.done(message(id));
  };
  return { one, end, long };
}

describe("a flight recorder", () => {
  it("remembers the newest, and stores those that were slow or died, when it stops at the latest", async () => {
    const stored: string[] = [];
    const { one, end, long } = recorder(
      {},
      async (rows) => void stored.push(...rows.map(({ messageId }) => messageId)),
    );
    for (let i = 0; i < 40; i++) end(`quick${i}`);
    end("slow", 100);
    end("long", 2_000);
    end("dead", 0, true);
    assert.deepEqual(
      one.recent().map(({ message: { id } }) => id),
      ["dead", "long", "slow", "quick39", "quick38"],
    );
    await one.stop();
    assert.deepEqual(stored, ["slow", "long", "dead"]);
    assert.deepEqual(long, ["long"]);
    assert.deepEqual(one.counts, { done: 43, dead: 1 });
  });

  it("forgets a message whose run was stopped: it comes again", () => {
    const { one } = recorder();
    one.watch.begun([message("a")]);
    assert.equal(one.recent().length, 1);
    one.watch.abandoned([message("a")]);
    assert.equal(one.recent().length, 0);
  });

  it("holds a bounded number while the store is away, and counts what it lets go", async () => {
    const { one, end } = recorder({}, () => Promise.reject(new Error("away")));
    for (let i = 0; i < 3_000; i++) end(String(i), 0, true);
    assert.equal(one.dropped, 1_000);
    await one.stop();
    assert.equal(one.dropped, 3_000);
  });
});
