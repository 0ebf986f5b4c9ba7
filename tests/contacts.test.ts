/** Contacts that come again and again: their passes are planned ahead, once among many nodes, and follow what becomes of the contact. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ContactPlanner } from "../src/ground/contact-planner.ts";
import { instantOf, systemClock } from "../src/model/clock.ts";
import type { ContactDefinition } from "../src/model/contact.ts";
import { newUuid } from "../src/model/ids.ts";
import type { PassRow } from "../src/model/pass.ts";
import { createLog } from "../src/observe/log.ts";
import { deleteContact, findContact, saveContact } from "../src/store/contacts.ts";
import { planPasses } from "../src/store/pass-plan.ts";
import { listPasses } from "../src/store/passes.ts";
import { saveShip } from "../src/store/ships.ts";
import type { Database } from "../src/store/sql.ts";
import { openTestDatabase } from "./support/database.ts";
import { groundSettings } from "./support/ground.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const dayMs = 86_400_000;
const sixHoursMs = 6 * 3_600_000;
/** Two or three hours from now, at whatever hour the suite runs: a tick that comes in the middle of a test would begin its pass. */
const nextTickMs = Math.floor(Date.now() / 3_600_000 + 3) * 3_600_000;
const tickHour = new Date(nextTickMs).getUTCHours();
const everySixHours = `0 ${tickHour % 6}-23/6 * * *`;
const everyDay = `0 ${tickHour} * * *`;

describe("a contact", () => {
  let database: Database;
  const planners: ContactPlanner[] = [];
  before(async () => {
    database = await openTestDatabase();
    for (const ship of ["a", "b", "c", "d", "e"])
      await saveShip(database.sql, { ship, format: "raw", definition: null, by: "test", at: systemClock.now() });
  });
  after(async () => {
    await stopAll();
    await database.close();
  });

  const stopAll = async () => {
    await Promise.all(planners.splice(0).map((planner) => planner.stop()));
  };
  function startPlanner(settings = groundSettings): PassRow[] {
    const heard: PassRow[] = [];
    const onChanged = (pass: PassRow) => void heard.push(pass);
    const parts = { sql: database.sql, settings, clock: systemClock, log: createLog("silent"), onChanged, pollMs: 20 };
    const planner = new ContactPlanner(parts);
    planners.push(planner);
    planner.start();
    return heard;
  }
  const definition = (ship: string, changes: Partial<ContactDefinition> = {}): ContactDefinition => ({
    ...{ ship, station: null, host: null, port: null, cron: everySixHours, timezone: "UTC", durationS: 600 },
    ...{ aheadDays: 3, prepassMarginS: 60, drainMarginS: null, template: null, priority: 2 },
    ...changes,
  });
  const save = (contact: string, of: ContactDefinition) =>
    saveContact(database.sql, {
      contact,
      definition: of,
      versionId: newUuid(),
      ships: null,
      by: "planner",
      at: systemClock.now(),
    });
  const passesOf = async (contact: string, state: PassRow["state"] | null = "planned") => {
    const { rows } = await listPasses(database.sql, { state, ship: null, contact, page: 0, limit: 200 });
    return rows.reverse();
  };
  const plannedOn = (contact: string) =>
    until(`${contact} planned`, async () => {
      const row = await findContact(database.sql, contact);
      return row?.nextAt != null && Date.parse(row.nextAt) > Date.now();
    });

  it("becomes a pass for each tick of the days ahead, once among three nodes", async () => {
    await save("daily", definition("a"));
    for (let i = 0; i < 3; i++) startPlanner();
    await plannedOn("daily");
    await stopAll();
    const passes = await passesOf("daily");
    assert.equal(passes.length, 12);
    for (const [i, pass] of passes.entries()) {
      const aosMs = Date.parse(pass.aos);
      assert.ok(aosMs > Date.now() && aosMs <= Date.now() + 3 * dayMs);
      assert.equal(aosMs, nextTickMs + i * sixHoursMs);
      assert.deepEqual(
        [Date.parse(pass.los) - aosMs, pass.prepassMarginMs, pass.drainMarginMs, pass.priority, pass.createdBy],
        [600_000, 60_000, 1_000, 2, "planner"],
      );
    }
  });

  it("is planned on as time goes by, and not anew after a restart", async () => {
    const before = await passesOf("daily");
    // As if its last planning had been a day ago.
    const lastMs = Date.parse(before.at(-1)?.aos ?? "");
    await database.sql`delete from pass where contact = 'daily' and aos > ${instantOf(lastMs - dayMs)}::timestamptz`;
    await database.sql`
      update contact set next_at = now(), planned_until = ${instantOf(lastMs - dayMs)}::timestamptz where contact = 'daily'`;
    startPlanner();
    await plannedOn("daily");
    assert.deepEqual(
      await passesOf("daily"),
      (await passesOf("daily")).toSorted((a, b) => (a.aos < b.aos ? -1 : 1)),
    );
    assert.deepEqual(
      (await passesOf("daily")).map(({ passId, aos }) => [passId, aos]),
      before.map(({ passId, aos }) => [passId, aos]),
    );
    // As if a node had lost its memory altogether: what is there stays as it is.
    await database.sql`update contact set next_at = now(), planned_until = now() where contact = 'daily'`;
    await plannedOn("daily");
    await stopAll();
    assert.deepEqual(
      (await passesOf("daily", null)).map(({ passId }) => passId),
      before.map(({ passId }) => passId),
    );
  });

  it("that is changed or deleted takes back what has not begun; saved as it was, nothing", async () => {
    startPlanner();
    await save("changing", definition("b"));
    await plannedOn("changing");
    assert.deepEqual(await save("changing", definition("b")), []);
    const old = await passesOf("changing");
    const cancelled = await save("changing", definition("b", { durationS: 300 }));
    assert.deepEqual(cancelled.map(({ passId }) => passId).sort(), old.map(({ passId }) => passId).sort());
    assert.equal(cancelled[0]?.reason, "its contact changing was changed");
    await plannedOn("changing");
    assert.deepEqual(
      (await passesOf("changing")).map(({ aos, los }) => Date.parse(los) - Date.parse(aos)),
      old.map(() => 300_000),
    );
    // And back: the passes of before stay cancelled, new ones are planned.
    await save("changing", definition("b"));
    await plannedOn("changing");
    assert.equal((await passesOf("changing")).length, old.length);
    const gone = await deleteContact(database.sql, { contact: "changing", ships: null, at: systemClock.now() });
    assert.deepEqual([gone.length, gone[0]?.reason], [old.length, "its contact changing was deleted"]);
    assert.equal(await findContact(database.sql, "changing"), null);
    assert.equal((await passesOf("changing")).length, 0);
    await stopAll();
  });

  it("gives way to passes of higher priority and to its like, and takes the place of lower ones, with the reason", async () => {
    const order = (priority: number, atMs: number) => ({
      ...{
        passId: newUuid(),
        ship: "c",
        station: null,
        host: "127.0.0.1",
        port: null,
        priority,
        template: null,
        flows: [],
      },
      ...{
        aos: instantOf(atMs),
        los: instantOf(atMs + 60_000),
        prepassMarginMs: 0,
        drainMarginMs: 0,
        requestDigest: "",
      },
    });
    const rules = { policy: "reject", portMin: 20_000, portMax: 20_999, by: "test", at: systemClock.now() } as const;
    const { passes } = await planPasses(database.sql, [order(9, nextTickMs), order(1, nextTickMs + sixHoursMs)], rules);
    const heard = startPlanner();
    await save("yielding", definition("c"));
    await plannedOn("yielding");
    await stopAll();
    const [lost, won, ...others] = await passesOf("yielding", null);
    assert.deepEqual(
      [lost?.state, lost?.reason, won?.state, others.every(({ state }) => state === "planned")],
      ["cancelled", `cancelled for pass ${passes[0]?.passId} of priority 9`, "planned", true],
    );
    const displaced = heard.find(({ passId }) => passId === passes[1]?.passId);
    assert.deepEqual(
      [displaced?.state, displaced?.reason],
      ["cancelled", `cancelled for pass ${won?.passId} of priority 2`],
    );
  });

  it("waits where every port is taken, and goes on once there is room", async () => {
    const onePort = { ...groundSettings, portMin: 30_500, portMax: 30_500 };
    await save("first", definition("d", { cron: everyDay }));
    startPlanner(onePort);
    await plannedOn("first");
    assert.equal((await passesOf("first")).length, 3);
    await save("second", definition("e", { cron: everyDay }));
    await plannedOn("second");
    assert.deepEqual(await passesOf("second", null), []);
    await deleteContact(database.sql, { contact: "first", ships: null, at: systemClock.now() });
    await database.sql`update contact set next_at = now() where contact = 'second'`; // a minute later
    await plannedOn("second");
    assert.equal((await passesOf("second")).length, 3);
    await stopAll();
  });

  it("tells of the ticks that came while no node ran as missed passes, those of a day", async () => {
    await save("slept", definition("e", { cron: "30 * * * *", station: "x" }));
    await database.sql`update contact set planned_until = now() - interval '10 days' where contact = 'slept'`;
    startPlanner();
    await plannedOn("slept");
    await stopAll();
    const missed = await passesOf("slept", "missed");
    assert.ok(missed.length >= 23 && missed.length <= 24, `${missed.length}`);
    assert.match(missed[0]?.reason ?? "", /over/);
  });
});

describe("contacts over HTTP", () => {
  let node: TestRuntime;
  let token = "";
  before(async () => {
    node = await openTestRuntime();
    token = await node.tokenOf("publisher");
    await node.request("PUT", "/api/ship/aurora", { token, body: { format: "raw" } });
  });
  after(() => node.stop());

  const put = (name: string, body: unknown, as = token) =>
    node.request("PUT", `/api/contact/${name}`, { token: as, body });
  const get = (path: string) => node.request("GET", `/api${path}`);
  const nightly = { ship: "aurora", station: "kiruna", cron: "30 2 * * *", timezone: "Asia/Kolkata", duration_s: 600 };

  it("name flows for each of their passes, where there is a template", async () => {
    const template = "id: products\ntasks: [{ id: a, compute: cams }]";
    const headers = { "Content-Type": "application/yaml" };
    assert.equal((await node.request("POST", "/api/template", { token, body: template, headers })).status, 200);
    const named = { ...nightly, station: "svalbard", cron: "30 14 * * *", flows: ["deliver", "deliver", "archive"] };
    assert.equal((await put("named", named)).status, 422);
    assert.equal((await put("named", { ...named, template: "products", flows: ["no name"] })).status, 400);
    const saved = await put("named", { ...named, template: "products" });
    assert.deepEqual(saved.json.flows, ["deliver", "archive"]);
    const passes = async () => (await get("/pass?contact=named&state=planned")).json.rows;
    await until("planned ahead", async () => (await passes()).length === 7);
    for (const { flows } of await passes()) assert.deepEqual(flows, ["deliver", "archive"]);
    assert.equal((await node.request("DELETE", "/api/contact/named", { token })).status, 200);
  });

  it("are saved, planned, listed and deleted", async () => {
    const saved = await put("nightly", nightly);
    assert.equal(saved.status, 200, saved.text);
    assert.deepEqual(
      [saved.json.contact, saved.json.port, saved.json.ahead_days, saved.json.priority, saved.json.modified_by],
      ["nightly", "auto", 7, 0, "publisher"],
    );
    const passes = async () => (await get("/pass?contact=nightly&state=planned")).json.rows;
    await until("planned ahead", async () => (await passes()).length === 7);
    const [pass] = await passes();
    assert.deepEqual([pass.ship, pass.station, pass.contact], ["aurora", "kiruna", "nightly"]);
    const kolkata = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Kolkata", timeStyle: "short" });
    assert.equal(kolkata.format(new Date(pass.aos)), "02:30");
    assert.deepEqual([saved.json.flows, pass.flows], [[], []]);
    await put("weekly", { ...nightly, cron: "0 12 * * 1" });
    const names = async (query = "") =>
      (await get(`/contact${query}`)).json.rows.map(({ contact }: { contact: string }) => contact);
    assert.deepEqual(
      [await names(), await names("?limit=1"), await names("?after=nightly")],
      [["nightly", "weekly"], ["nightly"], ["weekly"]],
    );
    assert.equal((await get("/contact/nightly")).json.cron, "30 2 * * *");
    const deleted = await node.request("DELETE", "/api/contact/nightly", { token });
    assert.deepEqual([deleted.status, (await passes()).length], [200, 0]);
    assert.equal((await get("/contact/nightly")).status, 404);
    assert.equal((await node.request("DELETE", "/api/contact/nightly", { token })).status, 404);
    assert.ok((await node.request("GET", "/spec")).json.paths["/contact/{contact}"].put.security);
  });

  it("are refused with what is wrong", async () => {
    for (const [change, status, field] of [
      [{ cron: "99 * * * *" }, 400, "cron"],
      [{ cron: "* * *" }, 400, "cron"],
      [{ timezone: "Mars/Olympus" }, 400, "timezone"],
      [{ duration_s: 0 }, 400, "duration_s"],
      [{ ahead_days: 61 }, 400, "ahead_days"],
      [{ port: 0 }, 400, "port"],
      [{ cron: "*/5 * * * *" }, 422, "duration_s"],
      [{ cron: "*/5 * * * *", duration_s: 10 }, 422, "ahead_days"],
      [{ ship: "nobody" }, 404, undefined],
      [{ template: "none such" }, 404, undefined],
    ] as const) {
      const answer = await put("x", { ...nightly, ...change });
      assert.deepEqual([answer.status, answer.json.field], [status, field], `${JSON.stringify(change)} ${answer.text}`);
    }
    assert.equal((await put("a%2Fb", nightly)).json.field, "contact");
    assert.equal((await put("x", nightly, await node.tokenOf("reader"))).status, 403);
  });
});
