/** Plans, passes and ships from the command line, on a real node. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type CliNode, openCliNode } from "./support/cli.ts";

const cwd = mkdtempSync(join(tmpdir(), "orrery-cli-plans-"));
const dataset = "11111111-1111-4111-8111-111111111111";
const [orbit, map, atlas] = ["a", "b", "c"].map((letter) => `${letter.repeat(8)}-aaaa-4aaa-8aaa-aaaaaaaaaaaa`);
let cli: CliNode;

before(async () => {
  cli = await openCliNode(cwd);
});
after(async () => {
  await cli.stop();
  rmSync(cwd, { recursive: true, force: true });
});

const plan = `{"dataset":{"id":"${dataset}","extra":{"revolution":12345678901234567890,"name":"\\u001b]0;title\\u0007"}},
"data_products":[{"id":"${orbit}","compute":"cams","name":"orbit","version":"1","eager":true},
{"id":"${map}","compute":"cams","name":"map","version":"2","eager":true},
{"id":"${atlas}","compute":"cams","name":"atlas","version":"1","eager":false}],
"dependencies":[{"parent_id":"${orbit}","child_id":"${map}"},{"parent_id":"${orbit}","child_id":"${atlas}"},{"parent_id":"${map}","child_id":"${atlas}"}]}`;

describe("orrery submit and plans", () => {
  it("starts a plan from JSON, digits kept, or from YAML", async () => {
    writeFileSync(join(cwd, "plan.json"), plan);
    const { code, stdout, stderr } = await cli.run("submit", "plan.json", "--json");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"revolution":12345678901234567890/);
    const yaml = `dataset: { id: 22222222-2222-4222-8222-222222222222 }\ndata_products:\n  - { id: ${orbit}, compute: cams, name: orbit, version: "1", eager: true }\ndependencies: []\n`;
    writeFileSync(join(cwd, "plan.yaml"), yaml);
    assert.equal((await cli.json(["submit", "plan.yaml"])).data_products[0].state, "queued");
  });

  it("shows a plan as a tree with states, each product below all that it waits for", async () => {
    const { stdout } = await cli.run("plans", "show", dataset);
    assert.match(stdout, /products +1 queued, 2 waiting/);
    assert.match(
      stdout,
      /\norbit:1 {2}… queued .*\n└─ map:2 {2}· waiting .*\n {3}└─ atlas:1 {2}· waiting {2}\(lazy\).*also after orbit\n/,
    );
    assert.equal(stdout.includes("\u001b"), false);
    assert.equal((await cli.run("dags", "show", dataset)).code, 0);
    assert.equal((await cli.run("plans", "show", "33333333-3333-4333-8333-333333333333")).code, 3);
  });

  it("lists by search, pauses and unpauses", async () => {
    const found = await cli.json(["plans", "list", "--search", "revolution"]);
    assert.deepEqual(
      found.rows.map(({ dataset_id }: { dataset_id: string }) => dataset_id),
      [dataset],
    );
    assert.equal((await cli.json(["plans", "list", "--limit", "1"])).rows.length, 1);
    assert.equal((await cli.json(["plans", "pause", dataset])).dataset.paused, true);
    const again = await cli.run("plans", "pause", dataset);
    assert.deepEqual([again.code, /already true/.test(again.stderr)], [1, true]);
    assert.equal((await cli.json(["plans", "unpause", dataset])).dataset.paused, false);
  });
});

describe("orrery passes and ships", () => {
  it("list them, and show a pass with its ledger", async () => {
    await cli.node.request("PUT", "/api/ship/kestrel", { token: cli.token, body: { format: "raw", packets: null } });
    const aos = new Date(Date.now() + 3_600_000).toISOString();
    const made = await cli.node.request("POST", "/api/pass", {
      token: cli.token,
      body: { ship: "kestrel", port: "auto", aos, duration_s: 60 },
    });
    assert.equal(made.status, 200, made.text);
    assert.match((await cli.run("ships", "list")).stdout, /^kestrel +raw /m);
    assert.match((await cli.run("ships", "latest", "kestrel")).stdout, /Nothing was received yet/);
    const listed = await cli.json(["passes", "list", "--ship", "kestrel", "--state", "planned"]);
    assert.equal(listed.rows[0].id, made.json.id);
    assert.match((await cli.run("passes", "list")).stdout, /kestrel +planned .* in \d+ (min|h)/);
    assert.match((await cli.run("passes", "show", made.json.id)).stdout, /state +planned/);
  });

  it("plan a table of passes, predict those of an orbit, extend and cancel one; stations and contacts are saved", async () => {
    const file = (name: string, text: string) => {
      const path = join(cwd, name);
      writeFileSync(path, text);
      return path;
    };
    await cli.node.request("PUT", "/api/ship/plover", { token: cli.token, body: { format: "raw" } });
    const aos = new Date(Date.now() + 7_200_000).toISOString();
    const week = file("week.csv", `ship,station,aos,duration_s\nplover,kiruna,${aos},600\n`);
    assert.match((await cli.run("passes", "plan", week, "--dry-run")).stdout, /plover +kiruna/);
    const [pass] = (await cli.json(["passes", "plan", week])).passes;
    const again = await cli.run("pass", "plan", week, "--dry-run");
    assert.equal(again.code, 1);
    assert.match(again.stderr, new RegExp(`pass 0: ship, station taken by pass ${pass.id}`));
    const extended = await cli.json(["passes", "extend", pass.id, "--by", "60"]);
    assert.equal(Date.parse(extended.los) - Date.parse(pass.los), 60_000);
    assert.match((await cli.run("passes", "cancel", pass.id)).stdout, /is cancelled/);

    const site = file("site.json", '{"latitude":47.88,"longitude":11.0853,"height_m":600,"mask":5}');
    assert.match((await cli.run("stations", "save", "weilheim", site)).stdout, /weilheim is saved/);
    assert.match((await cli.run("station", "list")).stdout, /weilheim +47\.88 +11\.0853 +600 +5°/);
    const tle = file(
      "iss.tle",
      "1 25544U 98067A   14020.93268519  .00009878  00000-0  18200-3 0  5082\n2 25544  51.6498 109.4756 0003572  55.9686 274.8005 15.49815350868473\n",
    );
    assert.match((await cli.run("ships", "tle", "plover", tle)).stdout, /is 25544, its elements are of 2014-01-20/);
    const window = ["--from", "2014-01-21T00:00:00Z", "--to", "2014-01-22T00:00:00Z"];
    const predicted = (await cli.run("passes", "predict", "plover", "weilheim", ...window)).stdout;
    assert.match(predicted, /2014-01-21 01:48:5.* +500 +50\.8° +228° +70°/);
    const planned = await cli.json(["passes", "predict", "plover", "weilheim", ...window, "--plan", "--dry-run"]);
    assert.deepEqual([planned.dry_run, planned.passes.length], [true, 6]);

    const nightly = file("nightly.json", '{"ship":"plover","cron":"30 2 * * *","duration_s":600}');
    assert.match((await cli.run("contacts", "save", "nightly", nightly)).stdout, /nightly is saved/);
    assert.match((await cli.run("contacts", "list")).stdout, /nightly +plover +- +30 2 \* \* \* UTC +600 +7/);
    assert.match((await cli.run("contacts", "delete", "nightly")).stdout, /is deleted/);
    assert.match((await cli.run("stations", "delete", "weilheim")).stdout, /is deleted/);
  });
});
