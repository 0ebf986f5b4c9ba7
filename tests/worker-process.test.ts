/** `orrery worker` as a process: runs jobs of a server over HTTP, is drained, killed, frozen, and cut off. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { type LeaseServer, openLeaseServer } from "./support/lease-server.ts";
import { type OrreryProcess, startOrrery } from "./support/process.ts";
import { until } from "./support/signal.ts";

const leaseMs = 1_500;
const cwd = mkdtempSync(join(tmpdir(), "orrery-worker-"));
let server: LeaseServer;
const workers: OrreryProcess[] = [];

before(async () => {
  server = await openLeaseServer(leaseMs);
});
after(async () => {
  await server.close();
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
  server.jobs.clear();
  await until("nobody polls", () => server.openPolls() === 0);
  server.polls.length = 0;
  server.broken = null;
  server.drain = false;
});

function start(args: readonly string[], env: Record<string, string> = {}): OrreryProcess {
  const worker = startOrrery(["worker", "--url", server.url, "--token", "the-token", ...args], { cwd, env });
  workers.push(worker);
  return worker;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

/** A command that says its process id, and then runs for so many seconds. */
const sleeper = (seconds: number): string => `echo "pid $$"; sleep ${seconds}; echo '{"done":true}'`;
const pidIn = (log: string): number => Number(/pid (\d+)/.exec(log)?.[1] ?? 0);

describe("orrery worker", () => {
  it("runs a command with the job on stdin, and hands back its last line of JSON, digits kept", async () => {
    const worker = start(
      [
        "--labels",
        "gpu,linux",
        "--queues",
        "a,b",
        "--slots",
        "3",
        "--",
        "sh",
        "-c",
        'read line; echo "got $line"; echo "{\\"n\\":12345678901234567890,\\"type\\":\\"$ORRERY_JOB_TYPE\\",\\"secret\\":\\"$ORRERY_TOKEN\\"}"',
      ],
      { ORRERY_TOKEN: "not for commands" },
    );
    const job = server.add({ file: "a.png" }, "thumbnail");
    await until("the job ends", () => job.state === "succeeded", 20_000);
    assert.match(
      job.log,
      /got \{"job":\{"id":"[-0-9a-f]{36}","queue":"default","type":"thumbnail"\},"payload":\{"file":"a.png"\}\}/,
    );
    const told = job.told.find(({ verb }) => verb === "complete");
    assert.match(JSON.stringify(told?.body), /"n":12345678901234567000/); // as the test's own parser reads it
    assert.deepEqual(
      [(job.result as { type: string; secret: string }).type, (job.result as { secret: string }).secret],
      ["thumbnail", ""],
    );
    const [poll] = server.polls;
    assert.deepEqual([poll?.queues, poll?.labels, poll?.slots, poll?.count], [["a", "b"], ["gpu", "linux"], 3, 3]);
    assert.match(String(told?.body.output), /^got/);
    worker.signal("SIGTERM");
    assert.equal(await worker.ended, 0);
  });

  it("fails a job with its exit code, and gives back a type that it has no command for", async () => {
    writeFileSync(
      join(cwd, "worker.yaml"),
      "queues: [default]\nslots: 2\ncommands:\n  bad: { command: 'echo oh; exit 7' }\n",
    );
    start(["--file", "worker.yaml", "--types", "bad,other"]);
    const bad = server.add(null, "bad");
    const other = server.add(null, "other");
    await until("both end", () => bad.state === "failed" && other.state === "failed", 20_000);
    const fail = (job: typeof bad) => job.told.find(({ verb }) => verb === "fail")?.body;
    assert.deepEqual([fail(bad)?.code, fail(bad)?.retryable, fail(bad)?.error], ["7", true, "exit code 7"]);
    assert.equal(fail(other)?.code, "no_command");
  });

  it("keeps its lease by heartbeats while a long command runs", async () => {
    start(["--", "sh", "-c", sleeper(4)]);
    const job = server.add(null);
    await until("the job ends", () => job.state === "succeeded", 20_000);
    assert.equal(job.token, 1);
    const beats = job.told.filter(({ verb }) => verb === "heartbeat").length;
    assert.ok(beats >= 5 && beats <= 12, `${beats} heartbeats in 4 s of a lease of ${leaseMs} ms`);
  });

  it("kills the command at once when its lease is another's, and drops the result", async () => {
    const worker = start(["--", "sh", "-c", `trap '' TERM; ${sleeper(60)}`]);
    const job = server.add(null);
    await until("it runs", () => pidIn(job.log) > 0, 20_000);
    job.token += 1;
    await until("the process is gone", () => !isAlive(pidIn(job.log)), leaseMs);
    await worker.line(/lease is lost/);
    await until("it tells that", () => job.told.some(({ verb }) => verb === "fail"));
    assert.equal(job.told.find(({ verb }) => verb === "fail")?.status, 409);
  });

  it("stops by itself when the server is away for longer than the lease, and goes on when it is back", async () => {
    const worker = start(["--", "sh", "-c", sleeper(60)]);
    const job = server.add(null);
    await until("it runs", () => pidIn(job.log) > 0, 20_000);
    server.broken = 503;
    const awayMs = performance.now();
    await until("the process is gone", () => !isAlive(pidIn(job.log)), 3 * leaseMs);
    assert.ok(performance.now() - awayMs <= leaseMs + 300, `killed after ${performance.now() - awayMs} ms`);
    server.broken = null;
    await until("it tells what it did", () => job.told.some(({ verb }) => verb === "fail"), 10_000);
    assert.equal(job.told.find(({ verb }) => verb === "fail")?.body.code, "lease_lost");
    const next = server.add(null);
    await until("it takes work again", () => next.state === "leased", 10_000);
    assert.equal(worker.child.exitCode, null);
  });

  it("holds what it runs through an outage that is shorter than the lease", async () => {
    start(["--", "sh", "-c", sleeper(2)]);
    const job = server.add(null);
    await until("it runs", () => pidIn(job.log) > 0, 20_000);
    await until("a heartbeat", () => job.told.some(({ verb }) => verb === "heartbeat"));
    server.broken = 503;
    await new Promise((resolve) => setTimeout(resolve, leaseMs * 0.6)); // the outage itself
    server.broken = null;
    await until("the job ends", () => job.state === "succeeded", 20_000);
    assert.equal(job.token, 1);
  });

  it("frozen past its lease and awake again, is refused: its late result is evidence, its command is killed", async () => {
    const worker = start(["--", "sh", "-c", sleeper(60)]);
    const job = server.add(null);
    await until("it runs", () => pidIn(job.log) > 0, 20_000);
    const pid = pidIn(job.log);
    worker.signal("SIGSTOP");
    const other = start(["--", "sh", "-c", 'echo \'{"by":"other"}\'']);
    await until("another worker has done it", () => job.state === "succeeded", 20_000);
    worker.signal("SIGCONT");
    await until("its command is gone", () => !isAlive(pid), 5_000);
    await until("it was refused", () => job.told.some(({ token, status }) => token === 1 && status === 409), 10_000);
    assert.deepEqual(job.result, { by: "other" });
    other.signal("SIGTERM");
    assert.equal(await other.ended, 0);
  });

  it("frozen while its command ended, sends the result late: the server refuses it", async () => {
    const worker = start(["--", "sh", "-c", sleeper(1)]);
    const job = server.add(null);
    await until("it runs", () => pidIn(job.log) > 0, 20_000);
    worker.signal("SIGSTOP");
    start(["--", "sh", "-c", 'echo \'{"by":"other"}\'']);
    await until("another worker has done it", () => job.state === "succeeded", 20_000);
    worker.signal("SIGCONT");
    await until(
      "its result was refused",
      () => job.told.some(({ verb, token }) => verb === "complete" && token === 1),
      10_000,
    );
    assert.equal(job.told.find(({ verb, token }) => verb === "complete" && token === 1)?.status, 409);
    assert.deepEqual(job.result, { by: "other" });
  });

  it("killed, leaves its job to another worker once the lease has run out", async () => {
    const worker = start(["--", "sh", "-c", sleeper(30)]);
    const job = server.add(null);
    await until("it runs", () => pidIn(job.log) > 0, 20_000);
    worker.signal("SIGKILL");
    start(["--", "sh", "-c", 'echo \'{"by":"other"}\'']);
    await until("another has done it", () => job.state === "succeeded", 20_000);
    assert.deepEqual([job.token, job.result], [2, { by: "other" }]);
    process.kill(-pidIn(job.log), "SIGKILL"); // what SIGKILL of a worker leaves behind
  });

  it("drained by SIGTERM, ends what it has and takes no more", async () => {
    const worker = start(["--slots", "1", "--", "sh", "-c", sleeper(1)]);
    const job = server.add(null);
    await until("it runs", () => pidIn(job.log) > 0, 20_000);
    const next = server.add(null);
    worker.signal("SIGTERM");
    assert.equal(await worker.ended, 0);
    assert.deepEqual([job.state, next.state], ["succeeded", "queued"]);
  });

  it("gives back what has not ended within the grace, to be tried again", async () => {
    const worker = start(["--grace", "0.2", "--", "sh", "-c", sleeper(60)]);
    const job = server.add(null);
    await until("it runs", () => pidIn(job.log) > 0, 20_000);
    worker.signal("SIGTERM");
    assert.equal(await worker.ended, 1);
    const fail = job.told.find(({ verb }) => verb === "fail")?.body;
    assert.deepEqual([fail?.code, fail?.retryable], ["worker_stopped", true]);
    assert.equal(isAlive(pidIn(job.log)), false);
  });

  it("ends at once at the second SIGINT", async () => {
    const worker = start(["--grace", "60", "--", "sh", "-c", sleeper(60)]);
    const job = server.add(null);
    await until("it runs", () => pidIn(job.log) > 0, 20_000);
    worker.signal("SIGINT");
    await worker.line(/draining/);
    worker.signal("SIGINT");
    const askedMs = performance.now();
    assert.equal(await worker.ended, 1);
    assert.ok(performance.now() - askedMs < 4_000);
    assert.equal(job.told.find(({ verb }) => verb === "fail")?.body.code, "worker_stopped");
  });

  it("drains when the server asks for it", async () => {
    const worker = start(["--", "true"]);
    await until("it polls", () => server.polls.length > 0, 20_000);
    server.drain = true;
    assert.equal(await worker.ended, 0);
  });

  it("refused at its first word, says why and ends with 4; without a command with 2", async () => {
    const refused = startOrrery(["worker", "--url", server.url, "--token", "wrong", "--", "true"], { cwd });
    assert.equal(await refused.ended, 4);
    assert.match(refused.stderr(), /^orrery: The server refuses this worker: the token is unknown/);
    const idle = startOrrery(["worker", "--url", server.url], { cwd });
    assert.equal(await idle.ended, 2);
    assert.match(idle.stderr(), /without a command/);
  });

  it("sends a flood of output in bounded pieces, and its head and tail with the outcome", async () => {
    start(["--", "sh", "-c", "yes flood | head -c 5000000; echo; echo '{\"ok\":1}'"]);
    const job = server.add(null);
    await until("the job ends", () => job.state === "succeeded", 30_000);
    const output = String(job.told.find(({ verb }) => verb === "complete")?.body.output);
    assert.ok(output.length < 1_100_000 && /bytes left out/.test(output));
    assert.ok(job.log.length < 1_000_000, `${job.log.length} characters of live log`);
    assert.deepEqual(job.result, { ok: 1 });
  });
});
