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
    if (!one.recent().some(({ message: open, tookMs: took }) => open.id === id && took === null))
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

  it("stores those with an attempt that was far out too, so many a minute", async () => {
    const stored: string[] = [];
    const { one, end } = recorder({}, async (rows) => void stored.push(...rows.map(({ messageId }) => messageId)));
    const result = { output: 1, exitCode: null, pid: null, durationMs: 1 };
    const attempt = { attempt: 1, durationMs: 1, ranMs: 1, usualMs: null, result, error: null };
    const task = (id: string) => ({ key: `f:p:${id}:0`, origins: [{ partition: "p", id }] as const, input: 1 });
    const farOut = (id: string, tookMs: number) => {
      one.watch.begun([message(id)]);
      one.watch.attempted(task(id), { ...attempt, usualMs: 0.1 });
      one.watch.attempted(task(id), { ...attempt, attempt: 2 });
      end(id, tookMs);
    };
    one.watch.begun([message("usual")]);
    one.watch.attempted(task("usual"), attempt);
    one.watch.done(message("usual"));
    for (let i = 0; i < 100; i++) farOut(`first${i}`, 0);
    farOut("slow", 100);
    end("a minute later", 60_000);
    farOut("second", 0);
    await one.stop();
    assert.deepEqual([stored.length, stored[0], stored[59]], [63, "first0", "first59"]);
    assert.deepEqual(stored.slice(60), ["slow", "a minute later", "second"]);
  });

  it("knows those that are longest on their way", () => {
    const { one, end } = recorder();
    one.watch.begun(["held", "slower", "third"].map(message));
    end("quick");
    end("third");
    assert.deepEqual(
      one.longestOpen(5).map(({ message: { id } }) => id),
      ["held", "slower"],
    );
    assert.equal(one.longestOpen(1).length, 1);
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
