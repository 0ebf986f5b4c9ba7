/** `orrery worker` as a process against a real node: runs its jobs over HTTP, is drained, killed, frozen, and cut off. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { attemptsOf } from "../src/store/attempts.ts";
import { type CliNode, openCliNode } from "./support/cli.ts";
import { type OrreryProcess, startOrrery } from "./support/process.ts";
import { until } from "./support/signal.ts";
import { openTcpProxy, type TcpProxy } from "./support/tcp-proxy.ts";

const leaseMs = 3_000;
const cwd = mkdtempSync(join(tmpdir(), "orrery-worker-"));
let cli: CliNode;
let proxy: TcpProxy;
const workers: OrreryProcess[] = [];

before(async () => {
  const worker = { kind: "worker", attempts: 3 } as const;
  cli = await openCliNode(cwd, {
    computes: { a: worker, b: worker, gpu: { ...worker, requires: ["gpu"] } },
    jobs: { leaseMs, concurrency: 64, labels: [], retentionDays: 90 },
  });
  proxy = await openTcpProxy(cli.node.url);
});
after(async () => {
  await proxy.close();
  await cli.stop();
  rmSync(cwd, { recursive: true, force: true });
});
afterEach(async () => {
  for (const worker of workers.splice(0)) {
    try {
      worker.signal("SIGKILL");
    } catch {
      // it has ended
    }
    await worker.ended;
  }
  // The node hears of the closed sockets before it answers these: a poll of nobody would take the next test's job.
  for (let i = 0; i < 3; i++) await cli.node.request("GET", "/api/worker");
  if (isCut) await restore();
});

let isCut = false;
async function cut(): Promise<void> {
  isCut = true;
  await proxy.cut();
}
async function restore(): Promise<void> {
  isCut = false;
  await proxy.restore();
}

/** `env` beside that of every command. */
function start(args: readonly string[], env: Record<string, string> = {}): OrreryProcess {
  const worker = startOrrery(["worker", ...args], { cwd, env: { ...cli.env, ...env } });
  workers.push(worker);
  return worker;
}

const shell = (command: string): string[] => ["--", "sh", "-c", command];
/** A command that says its process id, and then runs for so many seconds. */
const sleeper = (seconds: number): string => `echo "pid $$"; sleep ${seconds}; echo '{"done":true}'`;
const byOther = `echo '{"by":"other"}'`;

async function enqueue(payload: unknown = null, jobType = "a"): Promise<string> {
  const answer = await cli.node.request("POST", "/api/job", { token: cli.token, body: { job_type: jobType, payload } });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.id;
}

const jobOf = async (id: string) => (await cli.node.request("GET", `/api/job/${id}`)).json;
const logOf = async (id: string) => (await cli.node.request("GET", `/api/job/${id}/log`)).text;
const attempts = (id: string) => attemptsOf(cli.node.runtime.database.sql, id);
const outcomes = async (id: string) => (await attempts(id)).map(({ outcome }) => outcome);
const ended = (id: string, state: string) =>
  until(`job ${id} is ${state}`, async () => (await jobOf(id)).state === state);

/** Once the job's first attempt says it. */
async function pidOf(id: string): Promise<number> {
  let pid = 0;
  const look = async () => {
    pid = Number(/pid (\d+)/.exec(await logOf(id))?.[1] ?? 0);
    return pid > 0;
  };
  await until("it runs", look);
  return pid;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

describe("orrery worker", () => {
  it("runs a command with the job on stdin, hands back its last line of JSON, every digit kept", async () => {
    const made = await cli.json(["jobs", "enqueue", "a", "--payload", '{"big":12345678901234567890}']);
    const worker = start(
      [
        "--labels",
        "gpu,linux",
        "--slots",
        "3",
        "--pass-env",
        "PASSED",
        ...shell(
          'read line; echo "got $line"; echo "{\\"back\\":12345678901234567890,\\"type\\":\\"$ORRERY_JOB_TYPE\\",\\"passed\\":\\"$PASSED\\",\\"token\\":\\"$ORRERY_TOKEN\\"}"',
        ),
      ],
      { PASSED: "yes" },
    );
    await ended(made.id, "succeeded");
    const { text } = await cli.node.request("GET", `/api/job/${made.id}`);
    assert.match(text, /"result":\{"back":12345678901234567890,"type":"a","passed":"yes","token":""\}/);
    assert.match(
      (await attempts(made.id))[0]?.output ?? "",
      /got \{"job":\{"id":"[-0-9a-f]{36}","queue":"default","type":"a"\},.*"payload":\{"big":12345678901234567890\}.*\}/,
    );
    const listed = (await cli.json(["workers", "list"])).find(({ kind }: { kind: string }) => kind === "remote");
    assert.deepEqual([listed.queues, listed.labels, listed.slots], [["default"], ["gpu", "linux"], 3]);
    worker.signal("SIGTERM");
    assert.equal(await worker.ended, 0);
    const left = (await cli.json(["workers", "list"])).map(({ id }: { id: string }) => id);
    assert.ok(!left.includes(listed.id), "it said goodbye");
  });

  it("runs the products of a plan: each with its parents' passbacks, its result becomes its passback", async () => {
    const [dataset, first, second] = ["d", "1", "2"].map((one) => `${one.repeat(8)}-aaaa-4aaa-8aaa-aaaaaaaaaaaa`);
    const product = (id: string | undefined, name: string) => ({
      id,
      compute: "a",
      name,
      version: "1",
      eager: true,
      passthrough: { of: name },
    });
    const plan = {
      dataset: { id: dataset, extra: { orbit: 7 } },
      data_products: [product(first, "one"), product(second, "two")],
      dependencies: [{ parent_id: first, child_id: second }],
    };
    start([
      "--queues",
      "products,default",
      ...shell(
        'read line; echo "$line" | tee $ORRERY_PRODUCT_ID.json >&2; echo "https://example.org/x" > $ORRERY_LINK; echo "{\\"from\\":\\"$ORRERY_DATASET_ID\\"}"',
      ),
    ]);
    await cli.node.request("POST", "/api/plan", { token: cli.token, body: plan });
    const read = async () => (await cli.node.request("GET", `/api/plan/${dataset}`)).json.data_products;
    await until("both succeed", async () =>
      (await read()).every(({ state }: { state: string }) => state === "success"),
    );
    for (const { passback, link } of await read())
      assert.deepEqual([passback, link], [{ from: dataset }, "https://example.org/x"]);
    const given = JSON.parse(readFileSync(join(cwd, `${second}.json`), "utf8"));
    assert.deepEqual(
      [given.dataset.extra, given.product.name, given.passthrough],
      [{ orbit: 7 }, "two", { of: "two" }],
    );
    assert.deepEqual(
      given.parents.map(({ name, passback }: { name: string; passback: unknown }) => [name, passback]),
      [["one", { from: dataset }]],
    );
  });

  it("takes the types, queues and labels that it names, and no others", async () => {
    writeFileSync(
      join(cwd, "worker.yaml"),
      `queues: [default, side]\nslots: 2\ncommands:\n  a: { command: 'echo oh; exit 7', env: { X: "1" } }\n`,
    );
    start(["--file", "worker.yaml"]);
    const gpu = await enqueue(null, "gpu");
    const other = await enqueue(null, "b");
    const bad = await enqueue(null, "a");
    await until("it has failed once", async () => (await attempts(bad)).length > 0);
    const [attempt] = await attempts(bad);
    assert.deepEqual([attempt?.outcome, attempt?.code, attempt?.error], ["failed", "7", "exit code 7"]);
    for (const id of [gpu, other]) {
      assert.equal((await jobOf(id)).state, "queued");
      await cli.json(["jobs", "cancel", id]);
    }
    await cli.json(["jobs", "cancel", bad]);
  });

  it("keeps its lease by heartbeats while a long command runs", async () => {
    start(shell(sleeper(5)));
    const id = await enqueue();
    await ended(id, "succeeded");
    assert.deepEqual(await outcomes(id), ["succeeded"]);
  });

  it("kills the command at once when its job is cancelled, though it ignores SIGTERM", async () => {
    const worker = start(shell(`trap '' TERM; ${sleeper(60)}`));
    const id = await enqueue();
    const pid = await pidOf(id);
    await cli.json(["jobs", "cancel", id]);
    await until("the process is gone", () => !isAlive(pid), leaseMs);
    await worker.line(/lease is lost/);
    assert.equal((await jobOf(id)).state, "cancelled");
  });

  it("stops by itself when the server is away for longer than the lease, and goes on when it is back", async () => {
    const worker = start(["--url", proxy.url, ...shell(sleeper(60))]);
    const id = await enqueue();
    const pid = await pidOf(id);
    await cut();
    const awayMs = performance.now();
    await until("the process is gone", () => !isAlive(pid), 3 * leaseMs);
    assert.ok(performance.now() - awayMs <= leaseMs + 500, `killed after ${performance.now() - awayMs} ms`);
    await restore();
    await until("it takes the job again", async () => (await jobOf(id)).state === "running");
    assert.equal(worker.child.exitCode, null);
    await cli.json(["jobs", "cancel", id]);
  });

  it("holds what it runs through an outage that is shorter than the lease", async () => {
    start(["--url", proxy.url, ...shell(sleeper(4))]);
    const id = await enqueue();
    await pidOf(id);
    await cut();
    await new Promise((resolve) => setTimeout(resolve, leaseMs / 3)); // the outage itself
    await restore();
    await ended(id, "succeeded");
    assert.deepEqual(await outcomes(id), ["succeeded"]);
  });

  it("frozen past its lease and awake again: its report is refused and kept as evidence, its command is killed", async () => {
    const worker = start(shell(sleeper(60)));
    const id = await enqueue();
    const pid = await pidOf(id);
    worker.signal("SIGSTOP");
    start(shell(byOther));
    await ended(id, "succeeded");
    worker.signal("SIGCONT");
    await until("its command is gone", () => !isAlive(pid));
    await until("the evidence is kept", async () => (await outcomes(id)).includes("superseded"));
    assert.deepEqual([...new Set(await outcomes(id))].sort(), ["lost", "succeeded", "superseded"]);
    assert.deepEqual((await jobOf(id)).result, { by: "other" });
  });

  it("frozen while its command ended: its result comes late, is refused, and is kept as evidence with its output", async () => {
    const worker = start(shell(sleeper(1)));
    const id = await enqueue();
    await pidOf(id);
    worker.signal("SIGSTOP");
    start(shell(byOther));
    await ended(id, "succeeded");
    worker.signal("SIGCONT");
    await until("the evidence is kept", async () => (await outcomes(id)).includes("superseded"));
    const late = (await attempts(id)).find(({ outcome }) => outcome === "superseded");
    assert.match(late?.output ?? "", /\{"done":true\}/);
    assert.deepEqual((await jobOf(id)).result, { by: "other" });
  });

  it("killed, leaves its job to another worker once its lease is over", async () => {
    const worker = start(shell(sleeper(30)));
    const id = await enqueue();
    const pid = await pidOf(id);
    await start(shell(byOther)).line(/worker is connected/);
    worker.signal("SIGKILL");
    const killedMs = performance.now();
    await ended(id, "succeeded");
    assert.ok(performance.now() - killedMs < 5 * leaseMs, `${performance.now() - killedMs} ms`);
    assert.deepEqual([...new Set(await outcomes(id))].sort(), ["lost", "succeeded"]);
    process.kill(-pid, "SIGKILL"); // what a SIGKILL of the worker leaves behind
  });

  it("drained by SIGTERM, ends what it has and takes no more", async () => {
    const worker = start(shell(sleeper(1)));
    const id = await enqueue();
    await pidOf(id);
    const next = await enqueue();
    worker.signal("SIGTERM");
    assert.equal(await worker.ended, 0);
    assert.deepEqual([(await jobOf(id)).state, (await jobOf(next)).state], ["succeeded", "queued"]);
    await cli.json(["jobs", "cancel", next]);
  });

  it("gives back what has not ended within the grace, to be tried again", async () => {
    const worker = start(["--grace", "0.2", ...shell(sleeper(60))]);
    const id = await enqueue();
    const pid = await pidOf(id);
    worker.signal("SIGTERM");
    assert.equal(await worker.ended, 1);
    assert.equal(isAlive(pid), false);
    const [attempt] = await attempts(id);
    assert.deepEqual([attempt?.outcome, attempt?.code], ["failed", "worker_stopped"]);
    start(shell(byOther));
    await ended(id, "succeeded");
  });

  it("ends at once at the second SIGINT", async () => {
    const worker = start(["--grace", "60", ...shell(sleeper(60))]);
    const id = await enqueue();
    await pidOf(id);
    worker.signal("SIGINT");
    await worker.line(/draining/);
    worker.signal("SIGINT");
    const askedMs = performance.now();
    assert.equal(await worker.ended, 1);
    assert.ok(performance.now() - askedMs < 4_000);
    assert.equal((await attempts(id))[0]?.code, "worker_stopped");
    await cli.json(["jobs", "cancel", id]);
  });

  it("drains when an operator asks the server for it", async () => {
    const worker = start(["--wait", "1", ...shell("true")]);
    const { worker_id: workerId } = JSON.parse(await worker.line(/worker is connected/));
    assert.equal((await cli.json(["workers", "drain", workerId])).draining, true);
    assert.equal(await worker.ended, 0);
  });

  it("refused at its first word, says why and ends with 4; without a command with 2", async () => {
    const refused = startOrrery(["worker", "--token", "wrong", "--", "true"], { cwd, env: cli.env });
    assert.equal(await refused.ended, 4);
    assert.match(refused.stderr(), /^orrery: The server refuses this worker: .*role update\n$/);
    const idle = startOrrery(["worker"], { cwd, env: cli.env });
    assert.equal(await idle.ended, 2);
    assert.match(idle.stderr(), /without a command/);
  });

  it("sends a flood of output in bounded pieces, and its head and tail with the outcome", async () => {
    start(shell(`yes '"\\"flood' | head -c 5000000; echo; echo '{"ok":1}'`));
    const id = await enqueue();
    await ended(id, "succeeded");
    const [attempt] = await attempts(id);
    assert.ok((attempt?.output ?? "").length < 1_100_000 && /bytes left out/.test(attempt?.output ?? ""));
    assert.ok((await logOf(id)).length < 1_500_000);
    assert.deepEqual((await jobOf(id)).result, { ok: 1 });
  });
});
