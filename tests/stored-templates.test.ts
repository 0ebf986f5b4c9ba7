/** Templates in a store that nodes share: versions of files and of the interface, heard of everywhere, their computes known. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { Database } from "../src/store/sql.ts";
import { listVersions } from "../src/store/templates.ts";
import { openTestDatabase } from "./support/database.ts";
import { until } from "./support/signal.ts";
import { startTemplates, type TemplateNode } from "./support/templates.ts";

let database: Database;
const nodes: TemplateNode[] = [];
before(async () => {
  database = await openTestDatabase();
});
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
});
after(() => database.close());

async function start(files: Record<string, string> = {}, on: Database = database): Promise<TemplateNode> {
  const node = await startTemplates(on, { files });
  nodes.push(node);
  return node;
}
const text = (id: string, command: string) => `id: ${id}\ntasks: [{ id: a, command: ${command} }]`;
const versions = async (id: string) =>
  (await listVersions(database.sql, id, 10)).map(({ version, origin }) => `${version} ${origin}`);

describe("a template's file", () => {
  it("is a version once, however many nodes start, and a new one when it changes", async () => {
    await Promise.all([1, 2, 3].map(() => start({ one: text("one", "ls") })));
    assert.deepEqual(await versions("one"), ["1 file"]);
    const later = await start({ one: text("one", "pwd") });
    assert.deepEqual(await versions("one"), ["2 file", "1 file"]);
    assert.equal(later.templates.get("one")?.version, 2);
  });

  it("does not undo at a start what was changed by the interface, until it changes itself", async () => {
    const first = await start({ two: text("two", "ls") });
    await first.templates.put(text("two", "pwd"), "body", "test");
    const again = await start({ two: text("two", "ls") });
    assert.equal(again.templates.get("two")?.version, 2);
    const changed = await start({ two: text("two", "id") });
    assert.equal(changed.templates.get("two")?.version, 3);
    assert.deepEqual(await versions("two"), ["3 file", "2 api", "1 file"]);
  });

  it("that was deleted stays so until it changes", async () => {
    const first = await start({ three: text("three", "ls") });
    await first.templates.remove("three", "test");
    assert.equal((await start({ three: text("three", "ls") })).templates.get("three"), undefined);
    assert.equal((await start({ three: text("three", "pwd") })).templates.get("three")?.version, 2);
  });
});

describe("another node", () => {
  it("hears of a version, and knows what runs it and every one before", async () => {
    const [one, other] = [await start(), await start()];
    await one.templates.put(text("heard", "ls"), "body", "test");
    await until("it is heard of", () => other.templates.get("heard")?.version === 1);
    await one.templates.put(text("heard", "pwd"), "body", "test");
    await until("it is heard of", () => other.templates.get("heard")?.version === 2);
    for (const version of [1, 2]) assert.ok(other.computes.runsHere(`template:heard@${version}/a`));
    const late = await start();
    for (const version of [1, 2]) assert.ok(late.computes.runsHere(`template:heard@${version}/a`));
    assert.equal((await late.templates.ofVersion("heard", 1))?.tasks[0]?.work?.what.kind, "command");
    assert.equal(await late.templates.ofVersion("heard", 3), undefined);
  });

  it("finds it without a hint, and dispatches its products before that", async () => {
    const deaf: Database = { ...database, listen: async () => async () => {} };
    const [one, other] = [await start(), await start({}, deaf)];
    const name = "template:quiet@1/a";
    // Jobs are made here, for whoever knows the version: else the product would wait for a report that never comes.
    assert.deepEqual(
      [other.computes.dispatches(name), other.computes.runsHere(name), other.computes.isKnown(name)],
      [true, false, false],
    );
    assert.ok(other.computes.get(name));
    await one.templates.put(text("quiet", "ls"), "body", "test");
    await until("the poll finds it", () => other.computes.runsHere(name));
  });

  it("goes on with a version that it cannot use", async () => {
    const one = await start();
    await one.templates.put(text("odd", "ls"), "body", "test");
    await database.sql`update template_version set source = 'tasks: [{ id: a, riddle: 1 }]' where template_id = 'odd'`;
    const other = await start();
    assert.equal(other.templates.get("odd"), undefined);
    assert.ok(other.templates.get("one"));
  });
});
