/** `orrery flows …` against a node. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type CliNode, openCliNode } from "./support/cli.ts";
import { until } from "./support/signal.ts";

describe("orrery flows", () => {
  let dir: string;
  let cli: CliNode;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "orrery-cli-flows-"));
    await mkdir(join(dir, "inbox"));
    await writeFile(
      join(dir, "readings.yaml"),
      "description: of a folder\nsource: { kind: jsonl, folder: inbox, poll_s: 0.05 }\ninput: { type: object }\nsinks: { out: { kind: jsonl, folder: out } }\n",
    );
    await writeFile(join(dir, "inbox/a.jsonl"), '{"n":1}\n[]\n');
    cli = await openCliNode(dir, { flowsDir: dir });
    await until("both are done", async () => {
      const { json } = await cli.node.request("GET", "/api/flow/readings");
      return json.partitions[0]?.confirmed === 2;
    });
  });
  after(async () => {
    await cli.stop();
    await rm(dir, { recursive: true });
  });
  const run = (...args: string[]) => cli.run("flows", ...args);

  it("lists them, and shows one's partitions and sinks", async () => {
    assert.match((await run("list")).stdout, /readings +jsonl +1 /);
    const { stdout } = await run("show", "readings");
    assert.match(stdout, /of a folder/);
    assert.match(stdout, /a\.jsonl +live /);
    assert.match(stdout, /out +jsonl +closed /);
    assert.equal(JSON.parse((await run("show", "readings", "--json")).stdout).name, "readings");
  });

  it("shows what became of messages", async () => {
    assert.match(
      (await run("trace", "readings", "--outcome", "dead")).stdout,
      /a\.jsonl +8 +dead .*decode: it does not fit/,
    );
    assert.match((await run("trace", "readings", "--id", "0")).stdout, /a\.jsonl +0 +done /);
  });

  it("runs a message dry", async () => {
    const path = join(dir, "message.json");
    await writeFile(path, '{"n":7}\n');
    const { payloads } = JSON.parse((await run("probe", "readings", path)).stdout);
    assert.deepEqual(payloads[0].payload, { n: 7 });
  });

  it("pauses and resumes one", async () => {
    assert.match((await run("pause", "readings")).stdout, /is paused/);
    assert.match((await run("list")).stdout, /paused/);
    assert.match((await run("resume", "readings")).stdout, /is read/);
  });

  it("checks files without a server, and says what is wrong where", async () => {
    const good = await run("check", join(dir, "readings.yaml"));
    assert.match(good.stdout, /^ok {2}readings: jsonl to out/);
    const path = join(dir, "wrong.yaml");
    await writeFile(path, "source: { kind: jsonl }\nsinks: {}\n");
    const wrong = await run("check", path);
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.stderr, /wrong\.yaml:1:1: missing key "folder" in source/);
    const other = join(dir, "other.yaml");
    await writeFile(other, "source: { kind: http }\nsinks: { out: { kind: jsonl, folder: out } }\n");
    const both = await run("check", join(dir, "readings.yaml"), other);
    assert.notEqual(both.code, 0);
    assert.match(both.stderr, /Cannot use sink "out" of flow "other": sink "out" of flow "readings" writes/);
    await rm(other);
  });
});
