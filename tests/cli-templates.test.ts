/** Templates, runs and backfills from the command line, on a real node. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type CliNode, openCliNode } from "./support/cli.ts";

const cwd = mkdtempSync(join(tmpdir(), "orrery-cli-templates-"));
let cli: CliNode;

before(async () => {
  cli = await openCliNode(cwd);
  writeFileSync(join(cwd, "etl.yaml"), etl("true"));
  writeFileSync(join(cwd, "wrong.yaml"), "id: wrong\ntasks:\n  - { id: a, command: 'true', depends_on: [nobody] }\n");
});
after(async () => {
  await cli.stop();
  rmSync(cwd, { recursive: true, force: true });
});

const etl = (command: string) => `id: etl
description: Extract, then load
params:
  day: { type: string, required: true }
  size: { type: integer, default: 7 }
tasks:
  - { id: extract, command: "${command}" }
  - { id: load, command: "true", depends_on: [extract] }
`;

describe("orrery template", () => {
  it("checks a file without storing it, and names the file's line when it is wrong", async () => {
    assert.equal((await cli.run("template", "check", "etl.yaml")).code, 0);
    assert.equal((await cli.json(["template", "list"])).length, 0);
    const { code, stderr } = await cli.run("template", "check", "wrong.yaml");
    assert.equal(code, 1);
    assert.match(stderr, /wrong\.yaml:3:\d+: /);
    assert.equal((await cli.run("template", "push", "wrong.yaml")).code, 1);
  });

  it("stores it, lists and shows it, and a new text is a new version", async () => {
    assert.equal((await cli.json(["template", "push", "etl.yaml"])).version, 1);
    writeFileSync(join(cwd, "etl2.yaml"), etl("echo again"));
    assert.equal((await cli.json(["template", "push", "etl2.yaml"])).version, 2);
    assert.match((await cli.run("template", "list")).stdout, /^etl +2 +2 +- +Extract, then load$/m);
    const shown = await cli.run("template", "show", "etl");
    assert.match(
      shown.stdout,
      /--param day=… {2}\(string, required\)\n {2}--param size=… {2}\(integer, default 7\)[\s\S]*load +\S+ +extract/,
    );
  });

  it("pauses, unpauses and deletes", async () => {
    assert.equal((await cli.json(["template", "pause", "etl"])).paused, true);
    assert.equal((await cli.json(["template", "unpause", "etl"])).paused, false);
    writeFileSync(join(cwd, "gone.yaml"), etl("true").replace("id: etl", "id: gone"));
    await cli.json(["template", "push", "gone.yaml"]);
    assert.equal((await cli.run("template", "delete", "gone")).code, 0);
    const { code, stderr } = await cli.run("trigger", "gone");
    assert.equal(code, 3);
    assert.match(stderr, /There is no template gone: .*`orrery template list` show those there are\n$/);
  });
});

describe("orrery trigger, runs and run", () => {
  it("runs a template with parameters and waits for its end", async () => {
    const missing = await cli.run("trigger", "etl");
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /day/);
    const { code, stdout, stderr } = await cli.run(
      "trigger",
      "etl",
      "--param",
      "day=2026-01-31",
      "--wait",
      "--every",
      "0.1",
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /state +success/);
    const runs = await cli.json(["runs", "--template", "etl", "--state", "success"]);
    assert.equal(runs.rows[0].params.day, "2026-01-31");
    assert.match((await cli.run("run", runs.rows[0].id)).stdout, /extract:\S+ {2}✓ success[\s\S]*└─ load/);
    assert.match((await cli.run("runs")).stdout, /etl +success +2 success/);
  });

  it("makes one run of one idempotency key", async () => {
    const trigger = ["trigger", "etl", "--param", "day=1", "--idempotency-key", "once"];
    const [first, second] = [await cli.json(trigger), await cli.json(trigger)];
    assert.deepEqual((await cli.json(["run", first.dataset.id])).params, { day: "1", size: 7 }, "defaults too");
    assert.equal(first.dataset.id, second.dataset.id);
  });

  it("ends with 1 when the run fails, and can be cancelled", async () => {
    writeFileSync(join(cwd, "fails.yaml"), "id: fails\ntasks:\n  - { id: a, command: 'exit 3', retries: 0 }\n");
    const failed = await cli.run("submit", "fails.yaml", "--wait", "--every", "0.1");
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, /state +failed/);
    const why = /a:1 {2}.*3.*\nSee: orrery explain (\S+) a · again: orrery retry-failed \1\n$/;
    assert.match(failed.stdout, why);
    const run = why.exec(failed.stdout)?.[1] ?? "";
    assert.match((await cli.run("run", run)).stdout, why);
    writeFileSync(join(cwd, "slow.yaml"), "id: slow\ntasks:\n  - { id: a, command: 'sleep 60' }\n");
    const slow = await cli.json(["submit", "slow.yaml", "--run"]);
    const cancelled = await cli.json(["run", slow.dataset.id, "--cancel"]);
    assert.equal(cancelled.state, "cancelled");
    const lines = (await cli.run("run", slow.dataset.id, "--watch", "--json")).stdout.trim().split("\n");
    assert.equal(JSON.parse(lines.at(-1) ?? "").state, "cancelled");
  });
});

describe("orrery backfill", () => {
  it("shows the runs of a range first, then makes them and waits", async () => {
    const same = await cli.run("backfill", "fails", "--from", "2026-01-01", "--to", "2026-01-03");
    assert.equal(same.code, 1);
    assert.match(same.stderr, /all 3 runs would have the same parameters/);
    writeFileSync(
      join(cwd, "daily.yaml"),
      "id: daily\nparams: { day: date }\ntasks:\n  - { id: a, command: 'true' }\n",
    );
    await cli.json(["template", "push", "daily.yaml"]);
    const range = ["backfill", "daily", "--from", "2026-01-01", "--to", "2026-01-03", "--step", "1d"];
    const dry = await cli.json([...range, "--dry-run"]);
    assert.deepEqual([dry.count, dry.dry_run, dry.id], [3, true, null]);
    assert.match((await cli.run(...range, "--dry-run")).stdout, /^3 runs would be made\.\nAT +PARAMS\n2026-01-01/);
    const sets = [
      "backfill",
      "etl",
      "--params",
      '[{"day":"1"},{"day":"2"}]',
      "--concurrency",
      "2",
      "--wait",
      "--every",
      "0.1",
    ];
    const done = await cli.run(...sets);
    assert.equal(done.code, 0, done.stderr + done.stdout);
    assert.match(done.stdout, /2 of 2 runs succeeded/);
  });
});
