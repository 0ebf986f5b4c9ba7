/** API keys, audit, explain and retries of plans from the command line, on a real node. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type CliNode, openCliNode } from "./support/cli.ts";
import { runOrrery } from "./support/process.ts";
import { until } from "./support/signal.ts";

const cwd = mkdtempSync(join(tmpdir(), "orrery-cli-keys-"));
const openDoor = join(cwd, "open");
const dataset = "11111111-1111-4111-8111-111111111111";
const [first, second] = ["a", "b"].map((letter) => `${letter.repeat(8)}-aaaa-4aaa-8aaa-aaaaaaaaaaaa`);
let cli: CliNode;

before(async () => {
  cli = await openCliNode(cwd, {
    computes: { door: { kind: "shell", command: `test -e '${openDoor}'`, attempts: 1 } },
  });
});
after(async () => {
  await cli.stop();
  rmSync(cwd, { recursive: true, force: true });
});

const product = (id: string | undefined, name: string) => ({ id, compute: "door", name, version: "1", eager: true });

describe("orrery key", () => {
  it("makes a key that is a token until it is revoked", async () => {
    const made = await cli.json(["key", "create", "planner", "--roles", "publish"]);
    assert.match(made.key, /^orr_/);
    const plan = {
      dataset: { id: dataset },
      data_products: [product(first, "one"), product(second, "two")],
      dependencies: [{ parent_id: first, child_id: second }],
    };
    writeFileSync(join(cwd, "plan.json"), JSON.stringify(plan));
    const asKey = (...args: string[]) => runOrrery(args, { cwd, env: { ...cli.env, ORRERY_TOKEN: made.key } });
    assert.equal((await asKey("submit", "plan.json")).code, 0);
    assert.equal((await asKey("key", "list")).code, 4, "it lacks the role admin");
    assert.match((await cli.run("key", "list")).stdout, /planner +publish/);
    assert.equal((await cli.run("key", "list")).stdout.includes(made.key), false);
    assert.equal((await cli.run("key", "revoke", made.id)).code, 0);
    assert.equal((await asKey("submit", "plan.json")).code, 4);
  });

  it("makes a key for some ships only, and says so", async () => {
    writeFileSync(join(cwd, "packets.yaml"), "packets: [{ apid: 1, name: hk, fields: [{ name: volts, type: u8 }] }]\n");
    for (const name of ["aurora", "borealis"])
      assert.equal((await cli.run("ships", "import", name, "packets.yaml")).code, 0);
    const made = await cli.run("key", "create", "two-ships", "--roles", "publish", "--ship", "aurora,borealis");
    assert.match(made.stdout, /may publish for aurora, borealis only\./);
    const one = await cli.json(["key", "create", "one-ship", "--roles", "publish", "--ship", "aurora"]);
    assert.deepEqual(one.ships, ["aurora"]);
    assert.match((await cli.run("key", "list")).stdout, /two-ships +publish +aurora, borealis/);
    const asKey = (...args: string[]) => runOrrery(args, { cwd, env: { ...cli.env, ORRERY_TOKEN: one.key } });
    assert.equal((await asKey("ships", "import", "aurora", "packets.yaml")).code, 0);
    const refused = await asKey("ships", "import", "borealis", "packets.yaml");
    assert.equal(refused.code, 4);
    assert.match(refused.stderr, /Key "one-ship" is for aurora only/);
    assert.notEqual((await cli.run("key", "create", "x", "--roles", "publish", "--ship", "nobody")).code, 0);
  });

  it("is in the audit, as are its writes", async () => {
    const rows = (await cli.json(["audit"])).rows as { service: string; action: string }[];
    assert.ok(rows.some(({ service, action }) => service === "operator" && action === "key.create"));
    assert.ok(rows.some(({ service, action }) => service === "planner" && action === "plan.publish"));
    const own = (await cli.json(["audit", "--service", "planner"])).rows as { service: string }[];
    assert.ok(own.length > 0 && own.every(({ service }) => service === "planner"));
    assert.match((await cli.run("audit")).stdout, /key\.create/);
  });
});

describe("orrery explain and retry-failed", () => {
  it("refuse a name that several products have, and list them", async () => {
    const data_products = ["c", "d"].map((letter, i) => ({
      ...product(first?.replaceAll(/^a+/g, letter.repeat(8)), "same"),
      version: `${i + 1}`,
    }));
    const plan = { dataset: { id: dataset.replaceAll("1111-4", "2222-4") }, data_products, dependencies: [] };
    writeFileSync(join(cwd, "same.json"), JSON.stringify(plan));
    await cli.json(["submit", "same.json"]);
    const { code, stderr } = await cli.run("explain", plan.dataset.id, "same");
    assert.equal(code, 1);
    assert.match(stderr, /"same" may be several products: .* same:1 \(c{8}-\S+\), same:2 \(d{8}-\S+\)\n/);
    assert.equal((await cli.run("explain", plan.dataset.id, "same:2")).code, 0);
  });

  it("say what a product waits for, and run again what has failed", async () => {
    const stateOf = async (at: number) => (await cli.json(["plans", "show", dataset])).data_products[at].state;
    await until("the first has failed", async () => (await stateOf(0)) === "failed");
    const waiting = await cli.run("explain", dataset, second ?? "");
    assert.match(waiting.stdout, /state +waiting/);
    assert.match(waiting.stdout, /blocked by +one \(failed since /);
    assert.match((await cli.run("explain", dataset, first ?? "")).stdout, /what to do/);
    for (const name of ["two", "two:1"])
      assert.match((await cli.json(["explain", dataset, name])).summary, /^two waits for one/);
    const unknown = await cli.run("explain", dataset, "three");
    assert.equal(unknown.code, 3);
    assert.match(unknown.stderr, /no product "three": it has one:1, two:1\n/);
    writeFileSync(openDoor, "");
    assert.equal((await cli.run("retry-failed", dataset)).code, 0);
    await until("all have succeeded", async () => (await stateOf(0)) === "success" && (await stateOf(1)) === "success");
  });
});
