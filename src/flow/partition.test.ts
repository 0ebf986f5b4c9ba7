import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { message } from "../../tests/support/pipeline.ts";
import { createPartition, type PartitionPolicy } from "./partition.ts";
import type { Pipeline, RunOrder } from "./pipeline.ts";

const policy: PartitionPolicy = { windowMax: 10, batchMax: 4, commitMs: 1 };
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => message(from + index));

/** A source of one partition that remembers what is committed, and whether it may read. */
function fakeSource() {
  const commits: number[] = [];
  const source = {
    isReading: true,
    refusals: 0,
    pause: () => {
      source.isReading = false;
    },
    resume: () => {
      source.isReading = true;
    },
    commit: async (_partition: string, next: number) => {
      if (source.refusals-- > 0) throw new Error("the store is away");
      commits.push(next);
    },
  };
  return { source, commits };
}

/** A pipeline whose messages are done when the test says so. */
function fakePipeline() {
  const open = new Map<number, () => void>();
  const batches: number[][] = [];
  const pipeline: Pipeline = {
    async run(messages, { signal, done }: RunOrder) {
      batches.push(messages.map(({ offset }) => offset));
      await Promise.all(
        messages.map(
          (one) =>
            new Promise<void>((resolve, reject) => {
              signal.addEventListener("abort", () => reject(signal.reason));
              open.set(one.offset, () => {
                open.delete(one.offset);
                done(one);
                resolve();
              });
            }),
        ),
      );
    },
  };
  return {
    pipeline,
    open,
    batches,
    finish(...offsets: number[]) {
      for (const offset of offsets) open.get(offset)?.();
    },
  };
}

function partition(isPaused = false) {
  const { source, commits } = fakeSource();
  const { pipeline, open, batches, finish } = fakePipeline();
  const warned: unknown[] = [];
  const log = { warn: (fields: unknown) => warned.push(fields) };
  const made = createPartition({ name: "p", source, pipeline, policy, isPaused, log: log as never });
  return { made, source, commits, open, batches, finish, warned };
}
const until = async (holds: () => boolean) => {
  const endMs = performance.now() + 5_000;
  while (!holds()) {
    assert.ok(performance.now() < endMs, "it did not come about");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
};

describe("a partition of a flow", () => {
  it("takes messages in batches and commits only what lies below all that is open", async () => {
    const { made, commits, batches, finish } = partition();
    made.take(range(5, 11));
    assert.deepEqual(batches, [
      [5, 6, 7, 8],
      [9, 10],
    ]);
    finish(6, 7, 10);
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(Math.max(5, ...commits), 5);
    finish(5);
    await until(() => commits.at(-1) === 8);
    finish(8, 9);
    await until(() => commits.at(-1) === 11);
    assert.deepEqual(made.state, { state: "live", reason: null, held: 0, committed: 11, taken: 6, confirmed: 6 });
    await made.drain(0);
  });

  it("stops its source at the window and lets it go on at half of it", async () => {
    const { made, source, finish } = partition();
    made.take(range(0, 10));
    assert.deepEqual([made.state.state, source.isReading], ["stalled", false]);
    finish(0, 1, 2, 3);
    assert.equal(source.isReading, false);
    finish(4);
    assert.deepEqual([made.state.state, source.isReading], ["live", true]);
    await made.drain(0);
  });

  it("holds its window while one message is open, whatever was confirmed behind it: memory stays bounded", async () => {
    const { made, source, finish } = partition();
    made.take(range(0, 10));
    finish(1, 2, 3, 4, 5, 6, 7, 8, 9);
    assert.deepEqual([made.state.held, source.isReading], [10, false]);
    await made.drain(0);
  });

  it("does not read while its flow is paused; what it has goes on", async () => {
    const { made, source, commits, finish } = partition(true);
    assert.equal(source.isReading, false);
    made.setPaused(false);
    assert.equal(source.isReading, true);
    made.take(range(0, 1));
    made.setPaused(true);
    finish(0);
    await until(() => commits.at(-1) === 1);
    assert.equal(source.isReading, false);
    await made.drain(0);
  });

  it("tries a commit again that failed", async () => {
    const { made, source, commits, finish, warned } = partition();
    source.refusals = 2;
    made.take(range(0, 1));
    finish(0);
    await until(() => commits.at(-1) === 1);
    assert.equal(warned.length, 2);
    await made.drain(0);
  });

  it("drains to its deadline, commits what was done by then, and leaves the rest to be read again", async () => {
    const { made, commits, finish } = partition();
    made.take(range(0, 3));
    const draining = made.drain(20);
    finish(0, 2);
    await draining;
    assert.deepEqual([commits.at(-1), made.state.state], [1, "stopped"]);
    made.take(range(3, 5));
    assert.equal(made.state.taken, 3);
  });

  it("drains no longer than it needs", async () => {
    const { made, commits, finish } = partition();
    made.take(range(0, 3));
    const beganMs = performance.now();
    const draining = made.drain(10_000);
    finish(0, 1, 2);
    await draining;
    assert.ok(performance.now() - beganMs < 5_000);
    assert.equal(commits.at(-1), 3);
  });

  it("loses nothing and never commits ahead, however often it is stopped in the middle", async () => {
    const stops = fc.array(fc.record({ take: fc.integer({ min: 1, max: 9 }), finish: fc.array(fc.nat(8)) }), {
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(stops, async (rounds) => {
        const written = new Set<number>();
        let next = 0;
        for (const { take, finish: finished } of [
          ...rounds,
          { take: 9, finish: range(0, 9).map(({ offset }) => offset) },
        ]) {
          const { made, commits, open, finish } = partition();
          made.take(range(next, next + take));
          for (const index of finished) {
            if (open.has(next + index)) written.add(next + index);
            finish(next + index);
          }
          await made.drain(0);
          next = Math.max(next, ...commits);
          for (let offset = 0; offset < next; offset++) assert.ok(written.has(offset), `${offset} was lost`);
        }
      }),
      { numRuns: 50 },
    );
  });
});
