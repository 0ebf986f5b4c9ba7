/** Tasks that run far longer than is usual: counted, marked in their traces, stored, and listed with what runs the flow's tasks. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type CliNode, openCliNode } from "./support/cli.ts";
import { until } from "./support/signal.ts";

const flowText = `
source: { kind: http }
executor: { kind: subprocess, command: [sh, answer.sh], warm: { processes: 1 } }
attempts: 2
timeout_s: 20
retry: { base_s: 0.01, max_s: 0.01 }
sinks: { out: { kind: jsonl, folder: out } }
`;
const script = `while read -r line; do
  case "$line" in
    *fail*) echo '{"error":"it fails"}' ;;
    *slow*) sleep 1; echo '{"output":1}' ;;
    *) echo '{"output":1}' ;;
  esac
done
`;

describe("tasks that run far longer than is usual", () => {
  let dir: string;
  let cli: CliNode;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "orrery-outliers-"));
    await writeFile(join(dir, "scenes.yaml"), flowText);
    await writeFile(join(dir, "answer.sh"), script);
    cli = await openCliNode(dir, { flowsDir: dir });
  });
  after(async () => {
    await cli.stop();
    await rm(dir, { recursive: true });
  });

  const get = async (path: string) => (await cli.node.request("GET", path)).json;
  const send = async (messages: readonly object[]) => {
    await cli.node.request("POST", "/api/flow/scenes/message", { token: cli.token, body: { messages } });
  };

  it("are none before anything ran", async () => {
    const { executor } = await get("/api/flow/scenes");
    assert.deepEqual(executor, {
      ...{ kind: "subprocess", attempts: 0, failed: 0, timed_out: 0, recent: null },
      ...{ outliers: { count: 0, newest: [] }, processes: [] },
    });
  });

  it("are told of, with what is usual and the processes that ran them", async () => {
    await send(Array.from({ length: 80 }, (_, i) => ({ id: `quick${i}`, value: { i } })));
    await send([{ id: "failed", value: { fail: true } }]);
    const slow = send([{ id: "late", value: { slow: true } }]);
    await until(
      "its process is busy",
      async () => (await get("/api/flow/scenes")).executor.processes[0]?.state === "busy",
    );
    await slow;

    const { executor } = await get("/api/flow/scenes");
    assert.deepEqual([executor.attempts, executor.failed, executor.timed_out], [83, 2, 0]);
    const { recent, outliers, processes } = executor;
    assert.ok(recent.attempts === 83 && recent.p50_ms <= recent.p95_ms && recent.p99_ms <= recent.max_ms);
    assert.ok(recent.max_ms >= 1_000);
    assert.equal(outliers.count, 1);
    const [{ ran_ms, usual_ms, at, ...newest }] = outliers.newest;
    assert.deepEqual(newest, { partition: "http", id: "late", task: "scenes:http:late:0", attempt: 1 });
    assert.ok(ran_ms >= 1_000 && usual_ms * 3 < ran_ms && Date.parse(at) <= Date.now());
    assert.deepEqual(
      processes.map(({ state, tasks, busy_since }: Record<string, unknown>) => [state, tasks, busy_since]),
      [["idle", 83, null]],
    );
    assert.ok(processes[0].pid > 0);

    const metrics = await (await fetch(`${cli.node.url}/metrics`)).text();
    assert.match(metrics, /orrery_flow_task_outliers_total\{flow="scenes"\} 1/);
  });

  it("are marked in their traces, and stored as slow messages are", async () => {
    const attemptOf = async (id: string) =>
      (await get(`/api/flow/scenes/trace?partition=http&id=${id}`)).rows[0].tasks[0].attempts[0];
    const late = await attemptOf("late");
    assert.ok(late.outlier && late.ran_ms >= 1_000 && late.ran_ms <= late.duration_ms && late.usual_ms > 0);
    const quick = await attemptOf("quick79");
    assert.deepEqual([quick.outlier, quick.usual_ms], [false, null]);
    const stored = async () => (await get("/api/flow/scenes/trace?from=store&outcome=done")).rows;
    await until("it is stored", async () => (await stored()).length > 0);
    assert.deepEqual(
      (await stored()).map(({ id }: { id: string }) => id),
      ["late"],
    );
  });

  it("are on the flow's page, which leads to their traces, and in the command line", async () => {
    const page = (await cli.node.request("GET", "/flow/scenes")).text;
    assert.match(page, /<h3>Newest outliers<\/h3>.*href="\/flow\/scenes\/trace\?partition=http&amp;id=late"/s);
    assert.match(page, /<h3>Processes<\/h3>/);
    const trace = (await cli.node.request("GET", "/flow/scenes/trace?partition=http&id=late")).text;
    assert.match(trace, /outlier: ran 1\.\d\d s, usual is up to /);
    const { stdout } = await cli.run("flows", "show", "scenes");
    assert.match(stdout, /executor subprocess: 0 of 16 run, 0 wait; 83 attempts, 2 failed \(0 by the timeout\)/);
    assert.match(stdout, /http +late +1 +1\d\d\d/);
    assert.match(stdout, /PID +STATE +TASKS.*\n *\d+ +idle +83/);
  });
});
