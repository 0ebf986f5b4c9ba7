/** The registry of computes and the function compute. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type ComputeConfig, type Outcome, stopBy } from "../src/compute/compute.ts";
import { type ComputeFunction, createFunction } from "../src/compute/function.ts";
import { loadComputes } from "../src/compute/load.ts";
import { Output } from "../src/compute/output.ts";
import { createShell } from "../src/compute/shell.ts";
import { taskOf } from "./support/task.ts";

const here = join(import.meta.dirname, "fixtures");
const idle = new AbortController().signal;
const run = (work: ComputeFunction, config = {}, signal = idle) =>
  createFunction(work, config).run(taskOf(), stopBy(signal));
const errorOf = (outcome: Outcome) => ("error" in outcome ? outcome.error : "");

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
    const outcome = await computes.get("echo")?.run(taskOf({ attempt: 2 }), stopBy(idle));
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
    const thrown = await computes.get("it")?.run(taskOf(), stopBy(idle));
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

describe("a failure of a function", () => {
  const why = async (thrown: unknown, config = {}) => {
    const outcome = await run(() => {
      throw thrown;
    }, config);
    return outcome.outcome === "failed" ? [outcome.code, outcome.isFinal] : outcome.outcome;
  };

  it("carries the code of what was thrown, and is final when that says so", async () => {
    assert.deepEqual(await why(Object.assign(new Error("no"), { code: "E_ORBIT" })), ["E_ORBIT", undefined]);
    assert.deepEqual(await why(Object.assign(new Error("no"), { code: 17, retryable: true })), ["17", undefined]);
    assert.deepEqual(await why(Object.assign(new Error("no"), { retryable: false })), [undefined, true]);
    assert.deepEqual(await why({ code: "E_PLAIN", retryable: false }), ["E_PLAIN", true]);
    for (const thrown of ["text", null, undefined, { code: {} }])
      assert.deepEqual(await why(thrown), [undefined, undefined]);
  });

  it("is final when the configuration lists its code, a timeout's too", async () => {
    const failing = Object.assign(new Error("no"), { code: "ENOENT" });
    assert.deepEqual(await why(failing, { no_retry: ["ENOENT", 3] }), ["ENOENT", true]);
    assert.deepEqual(await why(failing, { no_retry: ["EPERM"] }), ["ENOENT", undefined]);
    const late = await run(() => new Promise(() => {}), { timeout_s: 0.01, no_retry: ["timeout"] });
    assert.equal(late.outcome === "timed_out" && late.isFinal, true);
  });
});

describe("a shell's exit code", () => {
  it("is the failure's code, and final when it is listed, as a number or a text", async () => {
    const shell = (no_retry: (string | number)[]) =>
      createShell({ cwd: here, command: "exit 64", no_retry }, process.env).run(taskOf(), stopBy(idle));
    for (const [listed, expected] of [
      [[64], true],
      [["64"], true],
      [[1], undefined],
      [[], undefined],
    ] as const) {
      const outcome = await shell([...listed]);
      assert.deepEqual(outcome.outcome === "failed" && [outcome.code, outcome.isFinal], ["64", expected]);
    }
  });
});

describe("a job type", () => {
  const configs: Record<string, ComputeConfig> = {
    echo: { kind: "shell", command: "sleep 5", attempts: 2, queue: "slow", requires: ["gpu"], no_retry: [3] },
    remote: { kind: "worker", concurrency: 9 },
  };

  it("is its compute, with what it says itself in the place of what that says", async () => {
    const jobTypes = {
      quick: {
        compute: "echo",
        timeout_s: 0.1,
        attempts: 9,
        queue: "default",
        retry: { kind: "fixed", base_s: 2, max_s: 2 },
      },
      away: { compute: "remote", requires: ["berlin"] },
    } as const;
    const computes = await loadComputes(configs, here, { jobTypes });
    const quick = computes.get("quick");
    assert.ok(quick);
    assert.deepEqual([quick.kind, quick.attemptsMax, quick.queue, quick.requires], ["shell", 9, "default", ["gpu"]]);
    assert.deepEqual(quick.retry, { kind: "fixed", baseMs: 2000, maxMs: 2000, jitter: true });
    assert.ok(quick.noRetry?.has("3"));
    assert.deepEqual([computes.get("echo")?.attemptsMax, computes.get("echo")?.queue], [2, "slow"]);
    assert.equal((await quick.run(taskOf(), stopBy(idle))).outcome, "timed_out");
    const away = computes.get("away");
    assert.deepEqual([away?.kind, away?.concurrency, away?.requires], ["worker", 9, ["berlin"]]);
    assert.deepEqual(["quick", "away", "echo"].map(computes.runsHere), [true, false, true]);
    assert.deepEqual(["quick", "away"].map(computes.dispatches), [true, true]);
  });

  it("is refused when its compute is not there or nobody dispatches it", async () => {
    for (const compute of ["none", "cams"])
      await assert.rejects(
        loadComputes(configs, here, { jobTypes: { a: { compute } } }),
        /job type "a" as its compute/,
      );
  });
});

describe("a compute that sends requests", () => {
  const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
  const config: ComputeConfig = { kind: "http", url: "https://service.test/", secret_env: "HOOK_SECRET" };
  const load = (changes: object, environment: Record<string, string>) =>
    loadComputes({ it: { ...config, ...changes } }, here, { environment });

  it("takes secrets and headers from the environment, and says which variable is missing or cannot be used", async () => {
    await load({}, { HOOK_SECRET: `${secret} ${secret}` });
    await load({ headers_env: { authorization: "TOKEN" } }, { HOOK_SECRET: secret, TOKEN: "Bearer x" });
    await assert.rejects(load({}, {}), /compute "it" as the environment variable HOOK_SECRET is not set/);
    await assert.rejects(load({}, { HOOK_SECRET: "hunter2" }), (error: Error) => {
      assert.match(error.message, /compute "it" as its secret in HOOK_SECRET is unsound: a secret begins with whsec_/);
      return !error.message.includes("hunter2");
    });
    const headers = { headers_env: { authorization: "TOKEN" } };
    await assert.rejects(load(headers, { HOOK_SECRET: secret }), /variable TOKEN is not set/);
    await assert.rejects(
      load(headers, { HOOK_SECRET: secret, TOKEN: "a\r\nb: c" }),
      /TOKEN holds what cannot stand in a header/,
    );
    await assert.rejects(load({ secret_env: undefined }, {}), /compute "it" as it has no secret to sign with/);
    await assert.rejects(load({ ca_file: "none.pem" }, { HOOK_SECRET: secret }), /ca_file cannot be read/);
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
