/** What is done with a pass after its end, from the command line: packets added, the pass replayed. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type CliNode, openCliNode } from "./support/cli.ts";
import { type LateShip, packet, packets, registerLateShip } from "./support/late-pass.ts";

describe("orrery passes add-packets and replay", () => {
  const cwd = mkdtempSync(join(tmpdir(), "orrery-cli-late-"));
  const template = `cli-${randomUUID()}`;
  let cli: CliNode;
  let ship: LateShip;
  before(async () => {
    cli = await openCliNode(cwd);
    const { node, token } = cli;
    const call = (method: string, path: string, body?: unknown, headers = {}) =>
      node.request(method, `/api${path}`, { token, body, headers });
    ship = await registerLateShip({ node, call });
    const text = `id: ${template}\ntasks:\n  - { id: all, command: [cat], require: { completeness: 1 } }\n`;
    const stored = await call("POST", "/template", text, { "Content-Type": "application/yaml" });
    assert.equal(stored.status, 200, stored.text);
  });
  after(async () => {
    await cli.stop();
    rmSync(cwd, { recursive: true, force: true });
  });

  it("say what was new, what is missing still, and what became of the plan", async () => {
    const passId = await ship.fly([...packets(100, 0, 3), ...packets(100, 5, 10)], template);
    const bad = packet(100, 30);
    bad[7] = 0xee;
    writeFileSync(join(cwd, "recording.ccsds"), Buffer.concat([...packets(100, 0, 10), bad]));
    const { code, stdout, stderr } = await cli.run("passes", "add-packets", passId, "recording.ccsds");
    assert.equal(code, 0, stderr);
    for (const line of [/^new +2$/m, /^known already +8$/m, /^rejected +1 bad_crc$/m, /^still missing +0$/m])
      assert.match(stdout, line);
    assert.match(stdout, /Its plan is given the new inputs: orrery run [0-9a-f-]{36} --watch/);
    const again = await cli.run("passes", "add-packets", passId, "recording.ccsds");
    assert.match(again.stdout, /Nothing is new: the pass is as it was\./);
    assert.deepEqual((await cli.json(["passes", "add-packets", passId, "recording.ccsds"])).stored, 0);
    const unknown = await cli.run("passes", "add-packets", randomUUID(), "recording.ccsds");
    assert.deepEqual([unknown.code, /There is no pass/.test(unknown.stderr)], [3, true]);

    const replayed = await cli.run("replay", passId, "--every", "0.2");
    assert.equal(replayed.code, 0, replayed.stderr + replayed.stdout);
    assert.match(replayed.stdout, /account +the pass's own/);
    assert.match(replayed.stdout, /state +success/);
    const begun = await cli.json(["replay", passId, "--no-wait", "--param", "n=3"]);
    assert.deepEqual([begun.pass_id, begun.template], [passId, template]);
    const refused = await cli.run("replay", passId, "--template", "nothing");
    assert.deepEqual([refused.code === 0, /there is no template "nothing"/.test(refused.stderr)], [false, true]);
  });
});
