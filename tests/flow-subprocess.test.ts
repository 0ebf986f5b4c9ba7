/** The subprocess executor with one process for each task: what it gives and takes back, what its settings may say, and its failures. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import * as v from "valibot";
import { createSubprocessExecutor, subprocessExecutor } from "../src/flow/executors/subprocess.ts";
import { alive } from "./support/alive.ts";
import { executorOf, failureOf, folder, runOne, someAlive } from "./support/subprocess.ts";

describe("the subprocess executor's settings", () => {
  const good = { kind: "subprocess", command: ["python3", "track.py", "--ship={ship.id}"] };

  it("are refused when the command, a name or a number is none", () => {
    const full = {
      stdin: "none",
      env: { A: "" },
      env_from: ["TOKEN"],
      cwd: "bin",
      output: "lines",
      output_bytes_max: 9,
    };
    assert.ok(v.is(subprocessExecutor, { ...good, ...full }));
    const bad = [
      { command: [] },
      { command: "python3" },
      { command: [""] },
      { command: ["{program}"] },
      { command: ["sh", "-c", "awk {print}x}"] },
      { stdin: "text" },
      { env: { "A B": "" } },
      { env: { A: "\0" } },
      { env_from: ["A=B"] },
      { cwd: "" },
      { output: "xml" },
      { output_bytes_max: 0 },
      { shell: true },
    ];
    for (const one of bad) assert.ok(!v.is(subprocessExecutor, { ...good, ...one }), JSON.stringify(one));
  });

  it("keep processes warm only where these get their input on stdin and answer in JSON", () => {
    const warm = {
      kind: "subprocess",
      command: ["python3", "{{}}"],
      warm: { processes: 2, tasks_max: 5, idle_s: 0.5 },
    };
    assert.ok(v.is(subprocessExecutor, { ...warm, stdin: "json", output: "json" }));
    const bad = [
      { stdin: "none" },
      { command: good.command },
      { output: "text" },
      { warm: {} },
      { warm: { processes: 0 } },
      { warm: { processes: 1, tasks_max: 0 } },
      { warm: { processes: 1, idle_s: 0 } },
    ];
    for (const one of bad) assert.ok(!v.is(subprocessExecutor, { ...warm, ...one }), JSON.stringify(one));
  });

  it("refuse the start by the flow's name when the program or its folder is not there", () => {
    const make = (config: object) => () =>
      createSubprocessExecutor(
        "tracks",
        { kind: "subprocess", command: ["sh"], ...config },
        {
          configDir: folder,
          environment: process.env,
        },
      );
    writeFileSync(join(folder, "not-executable"), "#!/bin/sh\n", { mode: 0o644 });
    const cannot =
      /^SetupError: Cannot use executor of flow "tracks": its program .+ is not found, or cannot be executed$/;
    for (const program of ["no-such-program", "/no/such", "./not-executable", "/tmp"])
      assert.throws(make({ command: [program] }), cannot, program);
    assert.throws(make({ env: { PATH: "/no/such" } }), cannot);
    assert.throws(
      make({ cwd: "no-such" }),
      /^SetupError: Cannot use executor of flow "tracks": its folder .+ is not there$/,
    );
  });
});

describe("a task's process", () => {
  it("gets the input as one line of JSON, and its stdout is the output", async () => {
    const { output, exitCode, pid, durationMs } = await runOne(["cat"], {}, { ship: "A\n1", n: [1.5, null] });
    assert.deepEqual([output, exitCode], [{ ship: "A\n1", n: [1.5, null] }, 0]);
    assert.ok(pid !== null && pid > 0 && durationMs > 0);
    assert.equal((await runOne(["wc", "-l"], {}, { a: "b" })).output, 1);
  });

  it("gets arguments made of its input, and no stdin where that is none", async () => {
    const config = { stdin: "none", output: "text" } as const;
    const rig = executorOf(["sh", "-c", 'printf "%s|" "$@"; cat', "x", "--id={ship.id}", "{{{n}}}", "a b"], config);
    assert.equal((await rig.run({ ship: { id: "$(id) ;" }, n: 3 })).output, "--id=$(id) ;|{3}|a b|");
    const error = await failureOf(rig.run({ n: 3 }));
    assert.match(
      error.message,
      /^cannot run sh: its input has no text, number or boolean at ship\.id, which its command/,
    );
    assert.deepEqual([error.exitCode, error.pid, error.stderr], [null, null, ""]);
    await rig.close();
  });

  it("may have a command and variables of its own, taken as they stand", async () => {
    const rig = executorOf(["false"], { env: { A: "flow", B: "flow" }, output: "text" });
    const command = ["sh", "-c", 'printf "%s|" "$A" "$B" "$1"', "x", "{n} {"];
    assert.equal((await rig.run({ n: 1 }, { command, env: { A: "own" } })).output, "own|flow|{n} {|");
    assert.match((await failureOf(rig.run())).message, /^exit code 1$/);
    const missing = await failureOf(rig.run(null, { command: ["no-such-program"] }));
    assert.equal(
      missing.message,
      "cannot run no-such-program: its program no-such-program is not found, or cannot be executed",
    );
    assert.match((await failureOf(rig.run(null, { command: [] }))).message, /is not found/);
    await rig.close();
  });

  it("runs in its folder with a short list of variables, and those that the flow names", async () => {
    const environment = { PATH: process.env.PATH, TZ: "UTC", SECRET_KEY: "canary", DATABASE_URL: "canary", TOKEN: "t" };
    mkdirSync(join(folder, "bin"), { recursive: true });
    writeFileSync(join(folder, "bin/own"), "#!/bin/sh\npwd; env\n");
    chmodSync(join(folder, "bin/own"), 0o755);
    const rig = executorOf(["./own"], { cwd: "bin", env_from: ["TOKEN", "UNSET"], output: "text" }, environment);
    const lines = String((await rig.run()).output)
      .trim()
      .split("\n");
    await rig.close();
    assert.equal(lines.shift(), join(folder, "bin"));
    const names = lines
      .map((line) => line.split("=")[0])
      .filter((name) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name ?? ""));
    assert.deepEqual(names.sort(), ["MARKER", "ORRERY_RUN", "PATH", "TOKEN", "TZ"]);
  });

  it("answers in lines or in text where the flow says so", async () => {
    assert.deepEqual((await runOne("echo 1; echo '[2]'", { output: "lines" })).output, [1, [2]]);
    assert.equal((await runOne("echo 1", { output: "text" })).output, "1\n");
    const error = await failureOf(runOne("echo 1; echo two; echo oops >&2", { output: "lines" }));
    assert.deepEqual([error.message, error.exitCode, error.stderr], ["line 2 of its stdout is not JSON", 0, "oops\n"]);
  });

  it("that fails tells its exit code, its pid and the last of its stderr", async () => {
    const error = await failureOf(
      runOne("echo early >&2; head -c 20000 /dev/zero | tr '\\0' x >&2; echo >&2; echo no such ship >&2; exit 3"),
    );
    assert.equal(error.message, "exit code 3: no such ship");
    assert.equal(error.exitCode, 3);
    assert.ok(error.pid !== null && error.pid > 0);
    assert.ok(error.stderr.length === 8192 && error.stderr.endsWith("xx\nno such ship\n"));
    const signal = await failureOf(runOne("kill -SEGV $$"));
    assert.deepEqual([signal.message, signal.exitCode], ["ended by SIGSEGV", null]);
  });

  it("that cannot be given its task is an attempt that failed", async () => {
    const rig = executorOf(["cat", "{a}"], { stdin: "none" });
    assert.match(
      (await failureOf(rig.run({ a: "x".repeat(3_000_000) }))).message,
      /^cannot run cat: .*(E2BIG|too long)/,
    );
    assert.match(
      (await failureOf(rig.run(undefined, { input: undefined }))).message,
      /^cannot run cat: its input has no/,
    );
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const bad = executorOf(["cat"]);
    for (const input of [undefined, () => 1, cycle, 1n])
      assert.match((await failureOf(bad.run(null, { input }))).message, /^cannot run cat: /);
    assert.match((await failureOf(bad.run(null, { env: { "A\0": "x" } }))).message, /^cannot run cat: /);
    await bad.close();
    await rig.close();
  });

  it("is ended when its signal aborts, and not begun when it has", async () => {
    const rig = executorOf("echo hanging >&2; trap 'echo bye >&2; exit 0' TERM; while :; do sleep 0.02; done");
    const abort = new AbortController();
    const running = failureOf(rig.run(null, {}, abort.signal));
    await someAlive(rig.marker);
    abort.abort(new DOMException("no answer within 5 s", "TimeoutError"));
    const error = await running;
    assert.deepEqual(alive(rig.marker), []);
    assert.equal(error.message, "no answer within 5 s");
    assert.equal(error.cause, abort.signal.reason);
    await assert.rejects(rig.run(null, {}, abort.signal), abort.signal.reason);
    await rig.close();
  });

  it("is ended when the executor closes, after which there is no other", async () => {
    const rig = executorOf("sleep 300 & sleep 300");
    const running = [failureOf(rig.run()), failureOf(rig.run())];
    await someAlive(rig.marker, 4);
    await rig.close();
    for (const error of await Promise.all(running)) assert.equal(error.message, "ended by SIGTERM");
    assert.equal((await failureOf(rig.run())).message, "cannot run sh: the executor is closed");
    await rig.close();
  });
});
