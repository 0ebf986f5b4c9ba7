/** Alarms from the command line, on a real node. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { systemClock } from "../src/model/clock.ts";
import { type CliNode, openCliNode } from "./support/cli.ts";

const cwd = mkdtempSync(join(tmpdir(), "orrery-cli-alarms-"));
let cli: CliNode;

before(async () => {
  cli = await openCliNode(cwd);
  const about = { kind: "parameter.limit", ship: "demo", passId: randomUUID(), at: systemClock.now() } as const;
  const detail = '{"limit":"critical_low","value":6.1}';
  await cli.node.runtime.alarms.change(null, {
    raise: [
      { ...about, subject: "volts", severity: "critical", detail },
      { ...about, subject: "amps", severity: "watch", detail },
    ],
    clear: [],
  });
});
after(async () => {
  await cli.stop();
  rmSync(cwd, { recursive: true, force: true });
});

describe("orrery alarms", () => {
  it("lists the active ones, by severity too, and acknowledges them once", async () => {
    const text = (await cli.run("alarms", "list", "--ship", "demo")).stdout;
    assert.match(text, /critical +parameter\.limit +demo +volts/);
    assert.match(text, /watch +parameter\.limit +demo +amps/);
    const { rows } = await cli.json(["alarms", "list", "--severity", "critical"]);
    assert.deepEqual(
      rows.map(({ subject }: { subject: string }) => subject),
      ["volts"],
    );
    const { id } = rows[0];
    const done = await cli.run("alarms", "acknowledge", id, "--comment", "heater off");
    assert.match(done.stdout, /^Acknowledged by operator\. It is active until its condition is over, too\.\n$/);
    const again = await cli.run("alarms", "acknowledge", id, "--comment", "me, too");
    assert.deepEqual([again.code, /operator has done so/.test(again.stderr)], [1, true]);
    const left = await cli.json(["alarms", "list", "--state", "unacknowledged"]);
    assert.deepEqual(left.rows.length, 1);
    assert.equal((await cli.run("alarms", "acknowledge", id)).code, 2, "it needs a comment");
    assert.equal((await cli.run("alarms", "list", "--kind", "x")).code, 2);
    assert.match((await cli.run("alarms", "list", "--ship", "none")).stdout, /^No alarm matches\.\n$/);
  });
});
