/** Planning passes in bulk: lists and tables, all or none, what gives way to what, dry runs, ports under a lock. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { runOrrery } from "./support/process.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";

const base = Date.parse("2099-03-01T00:00:00Z");
/** `minutes` after a day of its own for each test: none meets another's passes. */
let day = 0;
const at = (minutes: number): string => new Date(base + day * 86_400_000 + minutes * 60_000).toISOString();

describe("passes planned in bulk", () => {
  let node: TestRuntime;
  let token = "";
  before(async () => {
    node = await openTestRuntime();
    token = await node.tokenOf("publisher");
    for (const ship of ["aurora", "borealis", "corvus"]) {
      const { status } = await node.request("PUT", `/api/ship/${ship}`, { token, body: { format: "raw" } });
      assert.equal(status, 200);
    }
  });
  after(() => node.stop());
  beforeEach(() => {
    day += 1;
  });

  const pass = (ship: string, minutes: number, changes: object = {}) => ({
    ...{ ship, station: "kiruna", aos: at(minutes), duration_s: 600 },
    ...changes,
  });
  const post = (body: unknown, query = "", headers: Record<string, string> = {}) =>
    node.request("POST", `/api/pass${query}`, { token, body, headers });
  const csv = (text: string, query = "") => post(text, query, { "Content-Type": "text/csv; charset=utf-8" });
  const get = async (id: string) => (await node.request("GET", `/api/pass/${id}`)).json;
  const ofToday = async () => {
    const { rows } = (await node.request("GET", "/api/pass?limit=200")).json;
    return rows.filter(({ aos }: { aos: string }) => aos.slice(0, 10) === at(0).slice(0, 10));
  };

  it("are stored in the order asked for, each with a port of its own where their windows meet", async () => {
    const list = Array.from({ length: 30 }, (_, i) =>
      pass("aurora", i * 11, { station: `s${i}`, prepass_margin_s: 3600, drain_margin_s: 3600 }),
    );
    const { status, json } = await post(list);
    assert.equal(status, 200);
    assert.deepEqual([json.dry_run, json.accepted, json.cancelled, json.conflicts], [false, true, [], []]);
    assert.deepEqual(
      json.passes.map(({ aos }: { aos: string }) => Date.parse(aos)),
      list.map(({ aos }) => Date.parse(aos)),
    );
    assert.equal((await ofToday()).length, 30);
    // An hour of margins: each meets the next ten.
    for (const [i, { port }] of json.passes.entries())
      for (const other of json.passes.slice(i + 1, i + 10)) assert.notEqual(port, other.port);
  });

  it("are refused as a whole, every pass in the way named; nothing is stored", async () => {
    const one = (await post(pass("aurora", 10))).json;
    const two = (await post(pass("borealis", 30, { station: "svalbard", port: 20_500 }))).json;
    const { status, json } = await post([
      pass("corvus", 60),
      pass("aurora", 15, { station: null }),
      pass("corvus", 35, { station: "svalbard" }),
      pass("corvus", 65, { station: "inuvik" }),
    ]);
    assert.equal(status, 409);
    assert.deepEqual([json.code, json.pass_ids.slice(0, 2)], ["conflict", [one.id, two.id]]);
    assert.deepEqual(
      json.conflicts.map(({ index, on, with_index }: { index: number; on: string[]; with_index: number | null }) => [
        ...[index, on, with_index],
      ]),
      [
        [1, ["ship"], null],
        [2, ["station"], null],
        [3, ["ship"], 0],
      ],
    );
    assert.match(json.detail, new RegExp(`pass 1 ship aurora is taken by pass ${one.id}.*pass 0 of the list`));
    assert.equal((await ofToday()).length, 2);
  });

  it("in a dry run are told what would become of them, and nothing is stored or cancelled", async () => {
    const there = (await post(pass("aurora", 10, { priority: 1 }))).json;
    const list = [pass("aurora", 15, { priority: 2 }), pass("borealis", 300)];
    const refused = await post(list, "?dry_run=true");
    assert.deepEqual([refused.status, refused.json.accepted, refused.json.passes], [200, false, []]);
    assert.deepEqual(refused.json.conflicts[0].pass_id, there.id);
    const accepted = (await post(list, "?dry_run=true&on_conflict=priority")).json;
    assert.deepEqual([accepted.dry_run, accepted.accepted, accepted.passes.length], [true, true, 2]);
    assert.deepEqual(
      accepted.cancelled.map(({ id, state }: { id: string; state: string }) => [id, state]),
      [[there.id, "cancelled"]],
    );
    assert.equal((await get(there.id)).state, "planned");
    assert.equal((await ofToday()).length, 1);
    const single = (await post(pass("corvus", 500), "?dry_run=true")).json;
    assert.deepEqual([single.dry_run, single.passes.length, (await ofToday()).length], [true, 1, 1]);
  });

  it("by priority cancel what is lower, with the reason, and are cancelled by what is not", async () => {
    const low = (await post(pass("aurora", 10, { priority: 1 }))).json;
    const high = (await post(pass("aurora", 60, { priority: 8 }))).json;
    const { status, json } = await post(
      [pass("aurora", 15, { priority: 5 }), pass("aurora", 65, { priority: 5 })],
      "?on_conflict=priority",
    );
    assert.equal(status, 200);
    const [won, lost] = json.passes;
    assert.deepEqual(
      [won.state, lost.state, lost.reason],
      ["planned", "cancelled", `cancelled for pass ${high.id} of priority 8`],
    );
    assert.deepEqual(
      [(await get(low.id)).state, (await get(low.id)).reason],
      ["cancelled", `cancelled for pass ${won.id} of priority 5`],
    );
    assert.equal((await get(high.id)).state, "planned");
    const single = await post(pass("aurora", 16, { priority: 6 }), "?on_conflict=priority");
    assert.deepEqual([single.json.state, single.json.cancelled[0].id], ["planned", won.id]);
  });

  it("are trimmed or split around what is there", async () => {
    await post(pass("aurora", 10, { duration_s: 120 }));
    const trimmed = (await post(pass("aurora", 5), "?on_conflict=trim")).json;
    assert.deepEqual([Date.parse(trimmed.aos), Date.parse(trimmed.los)], [Date.parse(at(5)), Date.parse(at(10))]);
    const long = pass("borealis", 0, { id: randomUUID(), duration_s: 1_200 });
    const split = (await post([long], "?on_conflict=split")).json;
    assert.deepEqual(
      split.passes.map(({ aos, los }: { aos: string; los: string }) => [aos, los].map((text) => Date.parse(text))),
      [
        [at(0), at(5)],
        [at(12), at(20)],
      ].map((window) => window.map((text) => Date.parse(text))),
    );
    assert.deepEqual((await post([long], "?on_conflict=split")).json.passes, split.passes, "asked for again");
  });

  it("end the command with 1 when a dry run says that they would be refused, as JSON too", async () => {
    const there = (await post(pass("aurora", 10))).json;
    const cwd = mkdtempSync(join(tmpdir(), "orrery-plan-"));
    const file = join(cwd, "passes.json");
    writeFileSync(file, JSON.stringify([pass("aurora", 12)]));
    const env = { ORRERY_URL: node.url, ORRERY_TOKEN: token, XDG_CONFIG_HOME: cwd };
    const told = await runOrrery(["passes", "plan", file, "--dry-run"], { cwd, env });
    assert.deepEqual([told.code, told.stdout], [1, ""]);
    assert.match(told.stderr, new RegExp(`would be refused:\\npass 0: ship, station taken by pass ${there.id}`));
    const json = await runOrrery(["passes", "plan", file, "--dry-run", "--json"], { cwd, env });
    assert.deepEqual([json.code, JSON.parse(json.stdout).accepted], [1, false]);
    rmSync(cwd, { recursive: true });
  });

  it("come from a table too, whose faults are told by line and field", async () => {
    const { status, json } = await csv(
      `ship,station,aos,los,duration_s,port,priority\r\n` +
        `aurora,"Kiruna, north",${at(10)},${at(20)},,auto,\r\n\r\n` +
        `borealis,"a ""quoted"" one",${at(10)},,90.5,20777,-3\r\n`,
    );
    assert.equal(status, 200, JSON.stringify(json));
    const [first, second] = json.passes;
    assert.deepEqual([first.station, second.station, second.port], ["Kiruna, north", 'a "quoted" one', 20_777]);
    assert.deepEqual([second.priority, Date.parse(second.los) - Date.parse(second.aos)], [-3, 90_500]);
    for (const [text, detail] of [
      ["", /line 1: a header is needed/],
      ["ship,aos\naurora", /line 2: 2 cells are needed, it has 1/],
      ["ship,ship\na,b", /line 1: the column "ship" is there twice/],
      ['ship,aos\n"aurora"x,1', /line 2: a quote stands/],
      [`ship,aos,colour\naurora,${at(0)},red`, /line 2: the column "colour" is unknown.*known ones are id, ship/],
      [`ship,aos,duration_s\naurora,${at(0)},60\naurora,tomorrow,60`, /^line 3: 1\.aos: .*tomorrow.* is no date/],
      [`ship,aos,duration_s,template,flows\naurora,${at(0)},60,t,"a b!"`, /^line 2: 0\.flows\.1: /],
      [`ship,aos,duration_s\naurora,${at(0)},long`, /^line 2: 0\.duration_s: /],
      [`ship,aos,duration_s\n`, /1 to 1000 passes are needed, not 0/],
    ] as const) {
      const answer = await csv(text);
      assert.equal(answer.status, 400, text);
      assert.match(answer.json.detail, detail);
    }
    assert.equal((await ofToday()).length, 2);
  });

  it("are refused by what is wrong with one of them, and where", async () => {
    const id = randomUUID();
    for (const [body, status, field] of [
      [[], 400, undefined],
      [[pass("aurora", 0), { ...pass("aurora", 60), aos: 3 }], 400, "1.aos"],
      [[pass("aurora", 0), pass("aurora", 60, { los: at(59), duration_s: null })], 422, "1.los"],
      [[pass("aurora", 0, { id }), pass("aurora", 60, { id })], 400, "1.id"],
      [[pass("aurora", 0), pass("nobody", 60)], 404, undefined],
      [[pass("aurora", 0), pass("aurora", 60, { template: "none such" })], 404, undefined],
      [[pass("aurora", 0), pass("aurora", 60, { template: "any", flows: ["a b"] })], 400, "1.flows.0"],
      [[pass("aurora", 0), pass("aurora", 60, { flows: ["deliver"] })], 422, "1.template"],
      [Array.from({ length: 1001 }, (_, i) => pass("aurora", i)), 400, undefined],
    ] as const) {
      const answer = await post(body);
      assert.deepEqual([answer.status, answer.json.field], [status, field], answer.text);
    }
    for (const query of ["?on_conflict=fight", "?dry_run=yes"])
      assert.equal((await post([pass("aurora", 0)], query)).status, 400, query);
    const reader = await node.tokenOf("reader");
    const refused = await node.request("POST", "/api/pass", { token: reader, body: [pass("aurora", 0)] });
    assert.equal(refused.status, 403);
    assert.equal((await ofToday()).length, 0);
  });

  it("are the same when sent twice under a key; another list under it is refused", async () => {
    const key = { "Idempotency-Key": randomUUID() };
    const list = [pass("aurora", 0), pass("borealis", 30)];
    const [one, two] = [await post(list, "", key), await post(list, "", key)];
    assert.deepEqual([one.status, two.json.passes], [200, one.json.passes]);
    assert.equal((await post([pass("aurora", 0), pass("borealis", 31)], "", key)).status, 422);
    assert.equal((await ofToday()).length, 2);
  });

  it("are in the audit by how many they were; a dry run is not", async () => {
    const { passes } = (await post([pass("aurora", 0), pass("borealis", 30)])).json;
    await post([pass("aurora", 60)], "?dry_run=true");
    const operator = await node.tokenOf("operator");
    const audit = await node.request("GET", "/api/audit?action=pass.plan", { token: operator });
    assert.equal(audit.json.rows[0].target, `/pass, 2 of them, the first ${passes[0].id}`);
  });

  it("never get one port, ship or station twice, however many ask at once", async () => {
    const asks = Array.from({ length: 12 }, (_, i) =>
      post(
        Array.from({ length: 5 }, (_, j) => ({
          ...{
            ship: ["aurora", "borealis", "corvus"][i % 3],
            station: `s${(i + j) % 4}`,
            port: i % 2 ? null : 20_900 + j,
          },
          ...{ aos: at(j * 20), duration_s: 600, priority: i % 4 },
        })),
        "?on_conflict=priority",
      ),
    );
    for (const { status, text } of await Promise.all(asks)) assert.equal(status, 200, text);
    const live = (await ofToday()).filter(({ state }: { state: string }) => state === "planned");
    assert.ok(live.length >= 5 && live.length <= 15, `${live.length}`);
    for (const one of live)
      for (const other of live) {
        const isOver = Date.parse(one.aos) < Date.parse(other.los) && Date.parse(other.aos) < Date.parse(one.los);
        if (one.id === other.id || !isOver) continue;
        assert.notEqual(one.ship, other.ship);
        assert.notEqual(one.station, other.station);
        assert.notEqual(one.port, other.port);
      }
  });
});
