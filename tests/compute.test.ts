/** The registry of computes and the function compute. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { ComputeConfig, Outcome } from "../src/compute/compute.ts";
import { type ComputeFunction, createFunction } from "../src/compute/function.ts";
import { loadComputes } from "../src/compute/load.ts";
import { Output } from "../src/compute/output.ts";
import { taskOf } from "./support/task.ts";

const here = join(import.meta.dirname, "fixtures");
const idle = new AbortController().signal;
const run = (work: ComputeFunction, config = {}, signal = idle) => createFunction(work, config).run(taskOf(), signal);
const errorOf = (outcome: Outcome) => (outcome.outcome === "succeeded" ? "" : outcome.error);

describe("the computes of a configuration", () => {
  it("always know cams and dbxaas, which nobody dispatches", async () => {
    const computes = await loadComputes({}, here);
    assert.deepEqual(computes.names(), ["cams", "dbxaas"]);
    assert.deepEqual(["cams", "dbxaas", "other"].map(computes.isKnown), [true, true, false]);
    assert.deepEqual(["cams", "dbxaas", "other"].map(computes.dispatches), [false, false, false]);
  });

  it("dispatch functions and shells, and cams too where it is configured so", async () => {
    const module = "compute-functions.ts";
    const configs: Record<string, ComputeConfig> = {
      cams: { kind: "function", module, attempts: 7, concurrency: 2 },
      plot: { kind: "shell", command: ["true"] },
    };
    const computes = await loadComputes(configs, here);
    assert.deepEqual(["cams", "dbxaas", "plot"].map(computes.dispatches), [true, false, true]);
    assert.deepEqual(["cams", "dbxaas", "plot"].map(computes.runsHere), [true, false, true]);
    assert.equal(computes.get("cams")?.attemptsMax, 7);
    assert.equal(computes.get("cams")?.concurrency, 2);
  });

  it("keep a template's command out of the names that a plan is offered", async () => {
    const computes = await loadComputes({}, here);
    computes.addInline(
      "template:orbit/plot",
      createFunction(() => null),
    );
    assert.ok(computes.isKnown("template:orbit/plot") && computes.dispatches("template:orbit/plot"));
    assert.ok(!computes.names().includes("template:orbit/plot"));
  });

  it("refuse a module that is missing, and an export that is missing or no function", async () => {
    const load = (module: string, name?: string) =>
      loadComputes({ decode: { kind: "function", module, ...(name ? { export: name } : {}) } }, here);
    await assert.rejects(load("no-such.ts"), /Cannot load compute "decode" from .*no-such\.ts/);
    await assert.rejects(load("compute-functions.ts", "nothing"), /no function export "nothing"; it exports .*fails/);
    await assert.rejects(load("compute-functions.ts", "notAFunction"), /no function export "notAFunction"/);
  });
});

describe("a function compute", () => {
  it("is given parsed JSON that keeps every digit, and its result is the passback", async () => {
    const computes = await loadComputes({ echo: { kind: "function", module: "compute-functions.ts" } }, here);
    const outcome = await computes.get("echo")?.run(taskOf({ attempt: 2 }), idle);
    assert.deepEqual(outcome, {
      outcome: "succeeded",
      passback:
        '{"passthrough":{"limit":18446744073709551615},"extra":{"ship":"AURORA-1"},"parents":[{"rows":3},null]}',
      link: "https://example.org/result",
      output: "attempt 2\n",
    });
  });

  it("fails with the message of what it throws, sync or async", async () => {
    const computes = await loadComputes(
      { it: { kind: "function", module: "compute-functions.ts", export: "fails" } },
      here,
    );
    const thrown = await computes.get("it")?.run(taskOf(), idle);
    assert.deepEqual(thrown, { outcome: "failed", error: "no telemetry yet", output: "" });
    const sync = await run(() => {
      throw new RangeError("below the limit");
    });
    assert.equal(errorOf(sync), "below the limit");
  });

  it("succeeds without a passback when it returns nothing", async () => {
    const outcome = await run(async () => undefined);
    assert.equal(outcome.outcome === "succeeded" ? outcome.passback : "", null);
  });

  it("fails when its result is no JSON or too large", async () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    assert.equal((await run(() => cycle)).outcome, "failed");
    assert.equal((await run(() => 1n)).outcome, "failed");
    assert.match(errorOf(await run(() => "x".repeat(300_000))), /over the limit of 262144/);
  });

  it("is told by its signal and no longer waited for at the timeout", async () => {
    let told = "";
    const outcome = await run(
      (task) =>
        new Promise(() => {
          task.signal.addEventListener("abort", () => {
            told = (task.signal.reason as Error).message; // an Error by the task's contract
          });
        }),
      { timeout_s: 0.05 },
    );
    assert.equal(outcome.outcome, "timed_out");
    assert.equal(told, "timed out after 0.05 s");
  });

  it("ends as cancelled when its signal aborts, before it starts too", async () => {
    const abort = new AbortController();
    const ending = run(() => new Promise(() => {}), {}, abort.signal);
    abort.abort(new Error("the product was cleared"));
    assert.equal(errorOf(await ending), "the product was cleared");
    let ran = false;
    const late = await run(() => (ran = true), {}, abort.signal);
    assert.deepEqual([late.outcome, ran], ["cancelled", false]);
  });
});

describe("the output of an attempt", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);

  it("is kept whole up to its bound, and as first and last part above it", () => {
    const output = new Output(4, 4);
    output.push(bytes("abcdef"));
    assert.equal(output.text(), "abcdef");
    output.push(bytes("gh"));
    assert.equal(output.text(), "abcdefgh");
    output.push(bytes("ijk"));
    assert.equal(output.text(), "abcd\n… 3 bytes left out …\nhijk");
    output.push(bytes("0123456789"));
    assert.equal(output.text(), "abcd\n… 13 bytes left out …\n6789");
  });

  it("is the same however it is cut into chunks", () => {
    const text = "The quick brown fox jumps over the lazy dog";
    const whole = new Output(7, 11);
    whole.push(bytes(text));
    for (const size of [1, 2, 3, 5, 8, 13, 21]) {
      const cut = new Output(7, 11);
      for (let i = 0; i < text.length; i += size) cut.push(bytes(text.slice(i, i + size)));
      assert.equal(cut.text(), whole.text());
    }
  });
});
