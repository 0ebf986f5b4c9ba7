/** The subprocess executor with processes that are kept between tasks: one line in, one line back, and an end for whatever does otherwise. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { alive } from "./support/alive.ts";
import { until } from "./support/signal.ts";
import { executorOf, failureOf, folder, type Settings, someAlive } from "./support/subprocess.ts";

/** Answers with its line, unless the input is a word that it knows. Says goodbye when its stdin ends. */
const server = String.raw`
while read -r line; do
  case $line in
    *'"input":"refuse"'*) echo no orbit >&2; echo '{"error":"no such ship"}' ;;
    *'"input":"die"'*) setsid -f sleep 300; echo broken >&2; exit 3 ;;
    *'"input":"answer and die"'*) echo '{"output":"last"}'; exit 0 ;;
    *'"input":"talk"'*) echo starting ;;
    *'"input":"answer another"'*) echo '{"output":1,"key":"other"}' ;;
    *'"input":"flood"'*) trap '' TERM; setsid -f tr '\0' x < /dev/zero; exec tr '\0' x < /dev/zero ;;
    *'"input":"answer twice"'*) printf '{"output":1}\n{"output":2}\n' ;;
    *'"input":"answer again"'*) echo '{"output":1}'; while [ ! -e again ]; do sleep 0.02; done; echo '{"output":2}' ;;
    *'"input":"hang"'*) trap '' TERM; setsid -f sleep 300; sleep 300; sleep 300 ;;
    *'"input":"close"'*) exec >&-; exec sleep 300 ;;
    *'"input":"wait"'*) while [ ! -e go ]; do sleep 0.02; done; printf '{"output":%s}\n' "$line" ;;
    *) printf '{"output":%s}\n' "$line" ;;
  esac
done
echo bye >> goodbyes`;

const warm = (more: Partial<NonNullable<Settings["warm"]>> = {}, settings: Settings = {}) =>
  executorOf(server, { ...settings, warm: { processes: 1, ...more } });

describe("a warm process", () => {
  it("serves one task after the other, each with its key and its input", async () => {
    const rig = warm();
    const first = await rig.run({ n: 1, text: "é\n" }, { key: "a:0" });
    assert.deepEqual([first.output, first.exitCode], [{ key: "a:0", input: { n: 1, text: "é\n" } }, null]);
    assert.ok(first.durationMs > 0);
    for (let n = 2; n < 20; n++) {
      const { output, pid } = await rig.run(n, { key: String(n) });
      assert.deepEqual([output, pid], [{ key: String(n), input: n }, first.pid]);
    }
    await rig.close();
  });

  it("may say that a task failed, and serves the next", async () => {
    const rig = warm();
    const { pid } = await rig.run();
    const error = await failureOf(rig.run("refuse"));
    assert.deepEqual([error.message, error.exitCode, error.pid], ["no such ship", null, pid]);
    assert.equal((await rig.run()).pid, pid);
    await rig.close();
  });

  it("that dies, talks, floods, hangs, or answers for another is replaced, and nothing of it is left", async () => {
    const rig = warm({}, { output_bytes_max: 100_000 });
    const failures: [string, RegExp][] = [
      ["die", /^it ended before it answered: exit code 3: broken$/],
      ["talk", /^it printed what is no answer$/],
      ["answer another", /^it printed what is no answer$/],
      ["flood", /^it printed more than 100000 bytes on stdout$/],
      ["hang", /^no answer in time$/],
      ["close", /^no answer in time$/],
    ];
    for (const [input, message] of failures) {
      const { pid } = await rig.run();
      const abort = new AbortController();
      const failed = failureOf(rig.run(input, {}, abort.signal));
      if (message.test("no answer in time")) {
        await someAlive(rig.marker, input === "hang" ? 3 : 1);
        abort.abort(new Error("no answer in time"));
      }
      const error = await failed;
      assert.deepEqual(alive(rig.marker), [], input);
      assert.match(error.message, message, input);
      assert.equal(error.pid, pid, input);
      assert.equal(error.cause, abort.signal.reason, input);
      if (input === "die") assert.deepEqual([error.exitCode, error.stderr], [3, "broken\n"]);
      assert.notEqual((await rig.run()).pid, pid, input);
    }
    await rig.close();
  });

  it("that says more than it is asked for has answered, and is replaced before the next task", async () => {
    const rig = warm();
    for (const input of ["answer twice", "answer again", "answer and die"]) {
      const { output, pid } = await rig.run(input);
      assert.equal(output, input === "answer and die" ? "last" : 1);
      writeFileSync(join(folder, "again"), "");
      await until("it is gone", () => alive(rig.marker).length === 0);
      // One that has ended may still be thought alive: then the next attempt fails.
      const next = await rig.run(5, { key: "k" }).catch(() => rig.run(5, { key: "k" }));
      assert.deepEqual(next.output, { key: "k", input: 5 });
      assert.notEqual(next.pid, pid);
    }
    await rig.close();
  });

  it("that answers before it has read its task does not take the rest of it for the next", async () => {
    const rig = executorOf(`while :; do head -c 6 | grep -q . && echo '{"output":1}'; sleep 0.05; done`, {
      warm: { processes: 1 },
    });
    const first = await rig.run("x".repeat(5_000_000));
    assert.notEqual((await rig.run("y".repeat(5_000_000))).pid, first.pid);
    await rig.close();
  });

  it("takes large tasks, and is ended where it reads nothing of them", async () => {
    const rig = warm();
    const input = "x".repeat(900_000);
    assert.deepEqual((await rig.run(input, { key: "k" })).output, { key: "k", input });
    await rig.close();
    const deaf = executorOf("exec sleep 300", { warm: { processes: 1 } });
    const abort = new AbortController();
    const failed = failureOf(deaf.run(input, {}, abort.signal));
    await someAlive(deaf.marker);
    abort.abort(new Error("no answer in time"));
    assert.equal((await failed).message, "no answer in time");
    await deaf.close();
  });

  it("that cannot be started fails its task", async () => {
    writeFileSync(join(folder, "no-interpreter"), "#!/no/such/interpreter\n", { mode: 0o755 });
    for (const settings of [{ warm: { processes: 1 } }, {}]) {
      const rig = executorOf(["./no-interpreter"], settings);
      for (let i = 0; i < 2; i++)
        assert.match((await failureOf(rig.run())).message, /^cannot run \.\/no-interpreter: .*ENOENT/);
      await rig.close();
    }
  });
});

describe("warm processes", () => {
  it("are at most as many as the flow says, and tasks wait for one in order or until they are aborted", async () => {
    const rig = warm({ processes: 2 });
    const abort = new AbortController();
    const running = [1, 2, 3, 4].map(() => rig.run("wait"));
    const aborted = rig.run("wait", {}, abort.signal);
    await someAlive(rig.marker, 2);
    abort.abort(new Error("not in time"));
    await assert.rejects(aborted, abort.signal.reason);
    writeFileSync(join(folder, "go"), "");
    const pids = (await Promise.all(running)).map(({ pid }) => pid);
    assert.equal(new Set(pids).size, 2);
    assert.notEqual(pids[0], pids[1]);
    await rig.close();
  });

  it("are replaced after some tasks, and ended when they have had none for a while", async () => {
    const rig = warm({ tasks_max: 3 });
    const pids = [];
    for (let n = 0; n < 7; n++) pids.push((await rig.run()).pid);
    assert.equal(new Set(pids).size, 3);
    assert.deepEqual([pids[0] === pids[2], pids[3] === pids[5]], [true, true]);
    await rig.close();
    const idle = warm({ idle_s: 0.05 });
    const { pid } = await idle.run();
    await until("it is gone", () => alive(idle.marker).length === 0);
    assert.notEqual((await idle.run()).pid, pid);
    await idle.close();
  });

  it("serve one command and environment each, within the same number", async () => {
    const rig = warm({ processes: 2 });
    const own = { command: ["sh", "-c", `while read -r line; do echo '{"output":"'$OWN'"}'; done`], env: { OWN: "a" } };
    const { pid } = await rig.run();
    const a = await rig.run(null, own);
    assert.equal(a.output, "a");
    assert.deepEqual([(await rig.run()).pid, (await rig.run(null, own)).pid], [pid, a.pid]);
    const b = await rig.run(null, { ...own, env: { OWN: "b" } });
    assert.equal(b.output, "b");
    assert.equal((await rig.run(null, own)).pid, a.pid, "the one that was longest without a task made room");
    const all = await Promise.all(["a", "b", "c", "a", "b", "c"].map((OWN) => rig.run(null, { ...own, env: { OWN } })));
    assert.equal(all.map(({ output }) => output).join(""), "abcabc");
    await rig.close();
  });

  it("may tidy up when the executor closes, unless they are at work", async () => {
    const rig = warm({ processes: 2 });
    const goodbyes = () => readFileSync(join(folder, "goodbyes"), "utf8").length;
    writeFileSync(join(folder, "goodbyes"), "");
    await Promise.all([rig.run(), rig.run()]);
    const hanging = failureOf(rig.run("hang"));
    await someAlive(rig.marker, 4);
    const beganMs = performance.now();
    await rig.close();
    assert.ok(performance.now() - beganMs < 3_000);
    assert.equal((await hanging).message, "the executor is closed");
    assert.equal(goodbyes(), "bye\n".length);
    assert.equal((await failureOf(rig.run())).message, "cannot run sh: the executor is closed");
  });

  it("that do not end with their stdin are made to", async () => {
    const rig = executorOf(`trap '' TERM; read -r line; echo '{"output":1}'; while :; do sleep 300; done`, {
      warm: { processes: 1 },
    });
    await rig.run();
    const beganMs = performance.now();
    await rig.close();
    assert.ok(performance.now() - beganMs < 4_000);
  });
});
