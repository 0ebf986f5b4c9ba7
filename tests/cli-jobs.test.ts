/** Jobs, queues and dead letters from the command line, on a real node. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type CliNode, openCliNode } from "./support/cli.ts";
import { until } from "./support/signal.ts";

const cwd = mkdtempSync(join(tmpdir(), "orrery-cli-jobs-"));
const openDoor = join(cwd, "open");
let cli: CliNode;

before(async () => {
  const delivery = fileURLToPath(new URL("../examples/mission/computes/demo-delivery.ts", import.meta.url));
  cli = await openCliNode(cwd, {
    computes: {
      echo: { kind: "shell", command: ["cat"] },
      chatty: {
        kind: "shell",
        command: 'for i in 1 2 3; do echo "line $i"; sleep 0.2; done; printf "\\033[31mred\\n"',
      },
      door: { kind: "shell", command: `test -e '${openDoor}' || { echo closed >&2; exit 3; }`, attempts: 1 },
      slow: { kind: "shell", command: "sleep 60" },
      "demo-delivery": { kind: "function", module: delivery },
    },
  });
});
after(async () => {
  await cli.stop();
  rmSync(cwd, { recursive: true, force: true });
});

describe("orrery jobs", () => {
  it("enqueues with a payload from the line or a file, digits kept, and waits for the end", async () => {
    const job = await cli.json(["jobs", "enqueue", "echo", "--payload", '{"n":12345678901234567890}', "--wait"]);
    assert.equal(job.state, "succeeded");
    const { stdout } = await cli.run("jobs", "show", job.id, "--json");
    assert.match(stdout, /"payload":\{"n":12345678901234567890\}/);
    writeFileSync(join(cwd, "payload.json"), '{"from":"a file"}');
    const second = await cli.json(["jobs", "enqueue", "echo", "-p", "@payload.json", "--priority", "5", "--wait"]);
    assert.deepEqual([second.payload, second.priority], [{ from: "a file" }, 5]);
    const failed = await cli.run("jobs", "enqueue", "door", "--wait");
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, /state +dead/);
  });

  it("makes one job of one idempotency key, and refuses a type that nothing runs", async () => {
    const twice = ["jobs", "enqueue", "echo", "--idempotency-key", "k1"];
    const [first, second] = [await cli.json(twice), await cli.json(twice)];
    assert.equal(first.id, second.id);
    const { code, stderr } = await cli.run("jobs", "enqueue", "none");
    assert.equal(code, 1);
    assert.match(stderr, /type "none".*echo/);
  });

  it("seeds many in batches, lists them over several pages, and shows a table", async () => {
    await cli.json(["queues", "pause", "bulk"]);
    const seeded = await cli.json(["jobs", "seed", "450", "--type", "echo", "--queue", "bulk", "--batch", "200"]);
    assert.equal(seeded.count, 450);
    const all = await cli.json(["jobs", "list", "--queue", "bulk", "--limit", "1000"]);
    assert.equal(new Set(all.rows.map(({ id }: { id: string }) => id)).size, 450);
    assert.equal(all.next_cursor, null);
    const some = await cli.json(["jobs", "list", "--queue", "bulk", "--limit", "250"]);
    assert.equal(some.rows.length, 250);
    const rest = await cli.json(["jobs", "list", "--queue", "bulk", "--limit", "1000", "--cursor", some.next_cursor]);
    assert.equal(rest.rows.length, 200);
    const { stdout } = await cli.run("jobs", "list", "--queue", "bulk", "-n", "2");
    assert.match(stdout, /^ID +QUEUE +TYPE +STATE +ATTEMPT +CREATED +WHY\n/);
    assert.match(stdout, /… more: --limit 4 or --cursor /);
  });

  it("explains, cancels, replays, and tells the story", async () => {
    const held = await cli.json(["jobs", "enqueue", "echo", "--queue", "bulk", "--priority", "100"]);
    const { stdout } = await cli.run("jobs", "explain", held.id);
    assert.match(stdout, /what to do +Resume the queue: orrery queues resume bulk\n/);
    const { code, stderr } = await cli.run("jobs", "show", "nope");
    assert.deepEqual([code, stderr], [2, 'orrery: "nope" is no job id: orrery jobs list shows them\n']);
    const cancelled = await cli.json(["jobs", "cancel", held.id]);
    assert.equal(cancelled.state, "cancelled");
    assert.equal((await cli.run("jobs", "cancel", held.id)).code, 1);
    const replay = await cli.json(["jobs", "replay", held.id, "--queue", "default"]);
    assert.equal(replay.replay_of, held.id);
    await until("the replay ends", async () => (await cli.json(["jobs", "show", replay.id])).state === "succeeded");
    const story = await cli.run("jobs", "timeline", replay.id, "--output");
    assert.match(story.stdout, /Enqueued by operator[\s\S]*Attempt 1[\s\S]*Ended: succeeded/);
    assert.match(story.stdout, /│ /);
    assert.match(story.stdout, /ACCEPTED: 1 job, as a replay of \S+\n/);
    assert.equal((await cli.run("jobs", "show", "01a00000-0000-7000-8000-000000000000")).code, 3);
  });

  it("stops what runs when it is cancelled", async () => {
    const job = await cli.json(["jobs", "enqueue", "slow"]);
    await until("it runs", async () => (await cli.json(["jobs", "show", job.id])).state === "running");
    await cli.json(["jobs", "cancel", job.id]);
    await until("it has ended", async () => (await cli.json(["jobs", "show", job.id])).state === "cancelled");
  });

  it("follows what a job prints until it ends, without what would steer the terminal", async () => {
    const job = await cli.json(["jobs", "enqueue", "chatty"]);
    const { code, stdout } = await cli.run("logs", job.id, "-f");
    assert.equal(code, 0);
    assert.equal(stdout, "line 1\nline 2\nline 3\nred\n");
    assert.equal((await cli.run("logs", job.id)).stdout, stdout);
    assert.ok((await cli.run("logs", job.id, "--raw")).stdout.includes("\x1b[31mred"));
    const lines = (await cli.run("logs", job.id, "-f", "--json")).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(lines.at(-1).state, "succeeded");
    assert.match(lines.map(({ text = "" }) => text).join(""), /^line 1\nline 2/);
  });

  it("prints what a quick job printed, which is no live log", async () => {
    const job = await cli.json(["jobs", "enqueue", "echo", "--payload", '"quick"', "--wait"]);
    assert.match((await cli.run("logs", job.id)).stdout, /"payload":"quick"/);
    assert.match((await cli.run("logs", job.id, "-f")).stdout, /"payload":"quick"/);
  });

  it("watches the queues, a line a look", async () => {
    const { stdout } = await cli.run("jobs", "watch", "--json", "--count", "2", "--every", "0.05");
    const looks = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(looks.length, 2);
    assert.ok(looks.every(({ depth, jobs_per_s }) => depth >= 450 && jobs_per_s >= 0));
  });

  it("plays its story", async () => {
    const { code, stdout, stderr } = await cli.run("jobs", "demo");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /is succeeded[\s\S]*is dead[\s\S]*archive is closed[\s\S]*is succeeded/);
    assert.equal((await cli.json(["jobs", "demo"])).ok, true);
    const unknown = await cli.run("jobs", "demo", "--type", "none");
    assert.match(unknown.stderr, /has no job type "none".*It knows/);
  });
});

describe("orrery queues, workers and status", () => {
  it("set limits, take them away, pause and resume", async () => {
    const set = await cli.json(["queues", "set", "mail", "--concurrency", "3", "--rate", "2.5", "--depth", "100"]);
    assert.deepEqual([set.concurrency, set.rate_per_s, set.depth_max], [3, 2.5, 100]);
    assert.equal((await cli.json(["queues", "set", "mail", "--rate", "none"])).rate_per_s, null);
    assert.equal((await cli.json(["queues", "pause", "mail"])).paused, true);
    const { stdout } = await cli.run("queues", "list");
    assert.match(stdout, /^mail .* 1 +- +100 +paused$/m);
    assert.match(stdout, /^default .* 1 +- +1000000$/m, "what counts where nothing is set");
    assert.equal((await cli.json(["queues", "resume", "mail"])).paused, false);
  });

  it("list the node, and say how the server is", async () => {
    const workers = await cli.json(["workers", "list"]);
    assert.equal(workers[0].kind, "node");
    assert.match((await cli.run("workers", "list")).stdout, /node .*(idle|busy)/);
    const status = await cli.run("status");
    assert.equal(status.code, 0);
    assert.match(status.stdout, /ready +yes/);
  });
});

describe("orrery dlq", () => {
  it("counts by reason, shows what a redrive would do, redrives by id and by filter in slices", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 3; i++)
      ids.push((await cli.json(["jobs", "enqueue", "door", "--queue", "doors", "--wait"], 1)).id);
    const reasons = await cli.json(["dlq", "reasons"]);
    const mine = reasons.find(({ queue }: { queue: string }) => queue === "doors");
    assert.deepEqual([mine.reason, mine.job_type, mine.count], ["attempts_exhausted", "door", 3]);
    const list = await cli.run("dlq", "list", "--queue", "doors");
    assert.match(list.stdout, /attempts_exhausted/);

    const why = await cli.run("jobs", "explain", ids[0] ?? "");
    assert.match(why.stdout, new RegExp(`what to do +Repair what made it fail, then: orrery dlq redrive ${ids[0]}\\n`));
    const dry = await cli.json(["dlq", "redrive", "--queue", "doors", "--dry-run"]);
    assert.deepEqual([dry.dry_run, dry.matched], [true, 3]);
    writeFileSync(openDoor, "");
    const one = await cli.json(["dlq", "redrive", ids[0] ?? ""]);
    assert.equal(one.redriven[0].id, ids[0]);
    const rest = await cli.json(["dlq", "redrive", "--queue", "doors", "--reason", "attempts_exhausted"]);
    assert.equal(rest.redriven.length, 2);
    for (const { as } of [...one.redriven, ...rest.redriven])
      await until("it succeeds", async () => (await cli.json(["jobs", "show", as])).state === "succeeded");
    assert.equal((await cli.json(["dlq", "list", "--queue", "doors"])).rows.length, 0);
    const again = await cli.json(["dlq", "redrive", ids[0] ?? ""], 1);
    assert.equal(again.skipped[0].id, ids[0]);
    assert.ok(existsSync(openDoor));
  });
});
