/** Finding and killing what left its process group, with real processes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { describe, it } from "node:test";
import { youngerThan } from "../src/compute/marked-processes.ts";
import { createSweeper } from "../src/compute/sweep.ts";
import { alive } from "./support/alive.ts";
import { until } from "./support/signal.ts";

/** A program that ends at once, and leaves a sleeper in a session of its own. Its first process's pid, and when it was about to start. */
async function getAway(run: string) {
  const beganMs = performance.now();
  const child = spawn("sh", ["-c", "setsid -f sleep 300"], { env: { PATH: process.env.PATH, ORRERY_RUN: run } });
  await once(child, "exit");
  await until("it has got away", () => alive(run).length > 0);
  return { pid: child.pid ?? 0, beganMs };
}

const newRun = () => crypto.randomUUID();

describe("a sweep", () => {
  it("kills what is left of a run, and nothing of another", async () => {
    const [run, other] = [newRun(), newRun()];
    await getAway(run);
    await getAway(other);
    const { sweep } = createSweeper();
    await sweep(run);
    assert.deepEqual(alive(run), []);
    assert.equal(alive(other).length, 1);
    await sweep(other);
    assert.deepEqual(alive(other), []);
  });

  it("finds what is just becoming another program, and has no environment for that moment", async () => {
    const { sweep } = createSweeper();
    for (let i = 0; i < 60; i++) {
      const run = newRun();
      const beganMs = performance.now();
      const child = spawn("sh", ["-c", "setsid -f sleep 300"], { env: { PATH: process.env.PATH, ORRERY_RUN: run } });
      await once(child, "exit");
      await sweep(run, { pid: child.pid ?? null, beganMs });
      assert.deepEqual(alive(run), []);
    }
  });

  it("finds what is younger than the run's first process where that is all it looks at", async () => {
    const { sweep } = createSweeper();
    for (let i = 0; i < 10; i++) {
      const run = newRun();
      await sweep(run, await getAway(run));
      assert.deepEqual(alive(run), []);
    }
  });

  it("serves runs that end at once, while it looks and after it has looked", async () => {
    const runs = Array.from({ length: 12 }, newRun);
    const { sweep } = createSweeper();
    await Promise.all(
      runs.map(async (run, i) => {
        const first = await getAway(run);
        await (i % 2 === 0 ? sweep(run, first) : sweep(run));
        assert.deepEqual(alive(run), []);
      }),
    );
    await sweep(newRun());
  });
});

describe("what may be younger than a process", () => {
  const perMs = 200 * cpus().length;
  const after = (pid: number, elapsedMs: number, pidMax: number) =>
    youngerThan([{ pid, beganMs: 1_000 }], 1_000 + elapsedMs, pidMax);

  it("has a number that can have been given since", () => {
    const isYounger = after(500, 1, 100 * perMs);
    const given = [1, 499, 500, 501, 800 + perMs, 801 + perMs].map(isYounger);
    assert.deepEqual(given, [false, false, true, true, true, false]);
  });

  it("may have a low one where numbers can have begun anew", () => {
    const pidMax = 100 * perMs;
    const isYounger = after(pidMax - 10, 1, pidMax);
    const given = [0, 290 + perMs, 291 + perMs, pidMax - 11, pidMax - 10].map(isYounger);
    assert.deepEqual(given, [true, true, false, false, true]);
  });

  it("may be any where all numbers can have been given since, or nothing is known", () => {
    for (const isYounger of [
      after(50, 101, 100 * perMs),
      after(50, 0, 0),
      youngerThan([{ pid: null, beganMs: 0 }], 0, 32_768),
    ])
      assert.deepEqual([1, 49, 50, 400].map(isYounger), [true, true, true, true]);
  });

  it("is so of any of several", () => {
    const isYounger = youngerThan(
      [900, 5_000].map((pid) => ({ pid, beganMs: 0 })),
      0,
      32_768,
    );
    assert.deepEqual([899, 900, 1_200, 1_201, 4_999, 5_000].map(isYounger), [false, true, true, false, false, true]);
  });
});
