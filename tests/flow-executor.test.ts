/** A flow whose tasks are run by a program: for each message a process, or warm ones; what fails is a dead letter with what it printed. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";

let dir: string;
let node: TestRuntime | null = null;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "orrery-executor-"));
});
afterEach(async () => {
  await node?.stop();
  node = null;
  await rm(dir, { recursive: true });
});

async function start(executor: string, more = ""): Promise<TestRuntime> {
  await writeFile(
    join(dir, "run.yaml"),
    `source: { kind: http }\nattempts: 1\nexecutor: ${executor}\nsinks: { out: { kind: jsonl, folder: out } }\n${more}`,
  );
  node = await openTestRuntime({ config: { flowsDir: dir } });
  return node;
}

async function send(values: readonly unknown[]) {
  const token = await node?.tokenOf("publisher");
  const messages = values.map((value, i) => ({ id: `m${i}`, value }));
  return (await node?.request("POST", "/api/flow/run/message", { token, body: { messages } }))?.json;
}

const payloads = async () =>
  (await readFile(join(dir, "out/out.jsonl"), "utf8"))
    .split("\n")
    .flatMap((line) => (line === "" ? [] : [JSON.parse(line).payload]));

describe("a flow with a program as its executor", () => {
  it("gives each message to a process, and takes what it prints", async () => {
    await start("{ kind: subprocess, command: [cat] }");
    const { dead } = await send([{ n: 1 }, { n: 2 }]);
    assert.equal(dead, 0);
    assert.deepEqual((await payloads()).map(({ n }: { n: number }) => n).sort(), [1, 2]);
  });

  it("fills arguments from the message; a module says what becomes of the output", async () => {
    await writeFile(
      join(dir, "to.ts"),
      "export default { onTaskComplete: (_, { output }) => ({ out: [{ said: output }] }) };",
    );
    await start(
      "{ kind: subprocess, command: [printf, '%s!', '{name}'], stdin: none, output: text }",
      "module: to.ts\n",
    );
    await send([{ name: "a b" }]);
    assert.deepEqual(await payloads(), [{ said: "a b!" }]);
  });

  it("makes a dead letter of one that fails; its trace has exit code, pid and what it printed", async () => {
    await start(`{ kind: subprocess, command: [sh, -c, "echo broken >&2; exit 3"] }`);
    const { results } = await send([{ n: 1 }]);
    assert.equal(results[0].outcome, "dead");
    const { rows } = (await node?.request("GET", "/api/flow/run/trace?id=m0&partition=http"))?.json ?? {};
    const [attempt] = rows[0].tasks[0].attempts;
    assert.deepEqual([attempt.exit_code, attempt.stderr.trim()], [3, "broken"]);
    assert.ok(attempt.pid > 0);
  });

  it("keeps processes warm between messages", async () => {
    await writeFile(join(dir, "warm.sh"), `while read -r line; do printf '{"output":{"pid":%s}}\\n' $$; done\n`);
    await start("{ kind: subprocess, command: [sh, warm.sh], warm: { processes: 1 } }");
    await send([{ n: 1 }, { n: 2 }, { n: 3 }]);
    assert.equal(new Set((await payloads()).map(({ pid }: { pid: number }) => pid)).size, 1);
  });

  it("stops the start where the program is not there, or the module has a function as well", async () => {
    await assert.rejects(
      start("{ kind: subprocess, command: [no-such-program] }"),
      /Cannot use executor of flow "run": its program no-such-program is not found/,
    );
    await writeFile(join(dir, "both.ts"), "export default { execute: () => 1 };");
    await assert.rejects(
      start("{ kind: subprocess, command: [cat] }", "module: both.ts\n"),
      /it is a program, and its module has execute/,
    );
    await assert.rejects(start("{ kind: magic }"), /cannot use executor\.kind: it is one of function, subprocess/);
  });
});
