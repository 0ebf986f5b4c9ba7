/** Schedules on a store that several nodes share: each tick once, missed and overlapping ones by policy, paused templates none. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { listTicks } from "../src/store/schedules.ts";
import type { Database } from "../src/store/sql.ts";
import { findRun, listRuns } from "../src/store/template-runs.ts";
import { judgeTicks } from "../src/templates/judge-ticks.ts";
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

let count = 0;
/** A template of its own for each test. */
const templateOf = (schedule: string, params = "") => {
  count += 1;
  return {
    id: `t${count}`,
    text: `id: t${count}\nschedule: ${schedule}\n${params}\ntasks: [{ id: a, compute: cams }]`,
  };
};

async function start(howMany: number): Promise<TemplateNode[]> {
  for (let i = 0; i < howMany; i++) nodes.push(await startTemplates(database));
  return nodes;
}

const first = (list: readonly TemplateNode[]): TemplateNode => list[0] ?? assert.fail();
const ticksOf = (id: string) => listTicks(database.sql, id, 1000);
const runsOf = async (id: string) =>
  (await listRuns(database.sql, { templateId: id, state: null, after: null, limit: 1000 })).rows;

/** Judges as if it were so long after now; `version` is the latest. */
async function judgeAt(node: TemplateNode, id: string, nowMs: number, graceMs = 1_000): Promise<number> {
  const version = node.templates.get(id)?.version ?? 0;
  return await judgeTicks({ ...node.parts, nowMs: () => nowMs, graceMs }, id, version);
}

describe("three schedulers on one database", () => {
  it("fire each tick once, with one run and one job, as time goes by", async () => {
    const { id, text } = templateOf('"* * * * * *"');
    const three = await start(3);
    await first(three).templates.put(text, "t.yaml", "test");
    for (const { templates, scheduler } of three) {
      await templates.refresh();
      scheduler.start();
    }
    await until("four ticks were judged", async () => (await ticksOf(id)).length >= 4);
    await Promise.all(nodes.splice(0).map((node) => node.stop()));
    const [ticks, runs] = [await ticksOf(id), await runsOf(id)];
    const seconds = ticks.map(({ at }) => Date.parse(at) / 1000).sort((a, b) => a - b);
    assert.deepEqual(
      seconds,
      seconds.map((_, i) => (seconds[0] ?? 0) + i),
    );
    assert.ok(ticks.every(({ state }) => state === "fired"));
    assert.deepEqual(runs.map(({ runId }) => runId).sort(), ticks.map(({ runId }) => runId).sort());
    const jobs = await database.sql<{ count: number }>`
      select count(*)::int as count from job_source where source = 'run.cron' and source_key like ${`${id}@%`}`;
    assert.equal(jobs[0]?.count, ticks.length);
  });

  it("fire each tick once when all of them look at the same moment", async () => {
    const { id, text } = templateOf('{ cron: "*/20 * * * * *", missed: all, window: 1d }');
    const three = await start(3);
    await first(three).templates.put(text, "t.yaml", "test");
    for (const { templates } of three) await templates.refresh();
    const begunMs = Date.now();
    let started = 0;
    for (let look = 1; look <= 60; look++) {
      const nowMs = begunMs + look * 10_000;
      const counts = await Promise.all(three.map((node) => judgeAt(node, id, nowMs)));
      started += counts.reduce((sum, one) => sum + one, 0);
    }
    const ticks = await ticksOf(id);
    assert.ok(ticks.length >= 29 && ticks.length <= 31, `${ticks.length}`);
    assert.deepEqual([started, (await runsOf(id)).length], [ticks.length, ticks.length]);
    assert.ok(ticks.every(({ state }) => state === "fired"));
  });
});

describe("missed ticks", () => {
  const missed = async (schedule: string, hours: number) => {
    const { id, text } = templateOf(schedule);
    const node = first(await start(1));
    await node.templates.put(text, "t.yaml", "test");
    // At half past, so that no tick is on time.
    const nowMs = Math.floor(Date.now() / 3_600_000) * 3_600_000 + hours * 3_600_000 + 1_800_000;
    const started = await judgeAt(node, id, nowMs);
    assert.equal(await judgeAt(node, id, nowMs), 0);
    const states = (await ticksOf(id)).map(({ state }) => state);
    return { started, states };
  };

  it("are dropped, made up for by the latest, or by all within the window", async () => {
    assert.deepEqual(await missed('{ cron: "0 * * * *", missed: none }', 5), { started: 0, states: ["missed"] });
    assert.deepEqual(await missed('{ cron: "0 * * * *", missed: latest }', 5), {
      started: 1,
      states: ["fired", "missed"],
    });
    const all = await missed('{ cron: "0 * * * *", missed: all, window: 3h }', 8);
    assert.deepEqual(all, { started: 3, states: ["fired", "fired", "fired", "missed"] });
  });
});

describe("a paused template", () => {
  it("does not tick; unpaused it makes up for what its policy says", async () => {
    const { id, text } = templateOf('{ cron: "0 * * * *", missed: latest }');
    const node = first(await start(1));
    await node.templates.put(text, "t.yaml", "test");
    assert.equal(await node.templates.setPaused(id, true, "test"), true);
    assert.equal(await node.templates.setPaused(id, true, "test"), false);
    const nowMs = Date.now() + 5 * 3_600_000 + 120_000;
    assert.equal(await judgeAt(node, id, nowMs), 0);
    assert.deepEqual(await ticksOf(id), []);
    await node.templates.setPaused(id, false, "test");
    assert.equal(await judgeAt(node, id, nowMs), 1);
  });

  it("and a deleted one do not tick, on other nodes neither", async () => {
    const { id, text } = templateOf('"* * * * * *"');
    const [one, other] = await start(2);
    assert.ok(one && other);
    await one.templates.put(text, "t.yaml", "test");
    await until("the other node knows", () => other.templates.get(id) !== undefined);
    await one.templates.remove(id, "test");
    await until("the other node knows", () => other.templates.get(id) === undefined);
    assert.equal(await judgeTicks({ ...other.parts, nowMs: () => Date.now() + 60_000 }, id, 1), 0);
    assert.deepEqual(await ticksOf(id), []);
    await assert.rejects(one.templates.remove(id, "test"), /There is no template/);
  });
});

describe("overlapping runs", () => {
  const hourMs = 3_600_000;
  const startOfHour = () => Math.floor(Date.now() / hourMs) * hourMs;
  const finish = (runId: string) =>
    database.sql`update template_run set state = 'success', finished_at = now() where run_id = ${runId}::uuid`;
  const hourly = async (overlap: string) => {
    const { id, text } = templateOf(`{ cron: "0 * * * *", overlap: ${overlap} }`);
    const node = first(await start(1));
    await node.templates.put(text, "t.yaml", "test");
    return { id, node, look: (hours: number) => judgeAt(node, id, startOfHour() + hours * hourMs + 100) };
  };
  const states = async (id: string) => (await ticksOf(id)).map(({ state }) => state).reverse();

  it("are allowed", async () => {
    const { id, look } = await hourly("allow");
    assert.deepEqual([await look(1), await look(2)], [1, 1]);
    assert.deepEqual(await states(id), ["fired", "fired"]);
  });

  it("are skipped while one goes on", async () => {
    const { id, look } = await hourly("skip");
    assert.deepEqual([await look(1), await look(2)], [1, 0]);
    const [run] = await runsOf(id);
    await finish(run?.runId ?? "");
    assert.equal(await look(3), 1);
    assert.deepEqual(await states(id), ["fired", "skipped", "fired"]);
  });

  it("wait for the one before, in order", async () => {
    const { id, look } = await hourly("queue");
    assert.deepEqual([await look(1), await look(2), await look(3)], [1, 0, 0]);
    assert.deepEqual(await states(id), ["fired", "queued", "queued"]);
    await finish((await runsOf(id))[0]?.runId ?? "");
    assert.equal(await look(3.2), 1);
    assert.deepEqual(await states(id), ["fired", "fired", "queued"]);
    assert.equal(await look(3.3), 0);
    const going = (await runsOf(id)).find(({ finishedAt }) => finishedAt === null);
    assert.equal(Date.parse(going?.forAt ?? ""), startOfHour() + 2 * hourMs);
  });
});

describe("a run of a tick", () => {
  it("is of the version that ticked, and is given the tick", async () => {
    const { id, text } = templateOf(
      '{ cron: "30 0 * * *", timezone: Pacific/Auckland, params: { day: "{{ tick.date }}", since: "{{ tick.previous }}" } }',
      "params: { day: date, since: datetime }",
    );
    const node = first(await start(1));
    await node.templates.put(text, "t.yaml", "test");
    const { isNew } = await node.templates.put(text.replace("id: a", "id: b"), "t.yaml", "test");
    assert.ok(isNew);
    assert.equal(await judgeAt(node, id, Date.now() + 86_400_000, 86_400_000), 1);
    const [run] = await runsOf(id);
    assert.deepEqual([run?.version, run?.source, run?.triggeredBy, run?.state], [2, "cron", "orrery", "running"]);
    const { day, since } = JSON.parse(run?.params ?? "{}");
    const at = Date.parse(run?.forAt ?? "");
    // Half past midnight there is the day before in UTC.
    assert.equal(day, new Date(at + 13 * 3_600_000).toISOString().slice(0, 10));
    assert.ok([23, 24, 25].includes((at - Date.parse(since)) / 3_600_000));
    assert.deepEqual(await findRun(database.sql, run?.runId ?? ""), run);
  });

  it("is not made up for under another schedule", async () => {
    const { id, text } = templateOf('{ cron: "0 * * * *", missed: all, window: 7d }');
    const node = first(await start(1));
    await node.templates.put(text, "t.yaml", "test");
    await database.sql`update template_schedule set cursor_at = now() - interval '3 hours' where template_id = ${id}`;
    await node.templates.put(text.replace("0 * * * *", "*/5 * * * *"), "t.yaml", "test");
    assert.ok((await judgeAt(node, id, Date.now())) <= 1);
  });
});
