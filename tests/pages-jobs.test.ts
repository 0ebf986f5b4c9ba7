/** The pages of jobs, templates, runs, backfills and workers through HTTP, without a browser: what they hold, what is text, what is none. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { EventReader } from "./support/events.ts";
import { contentOf, page, textOf } from "./support/html.ts";
import { endByHand, leaseByHand, putWorker } from "./support/jobs-by-hand.ts";
import { until } from "./support/signal.ts";
import { openTemplateRuntime, type TemplateRuntime } from "./support/template-runs.ts";

let api: TemplateRuntime;
const nasty = `<img src=x onerror=alert(1)>"'&\\`;
const sql = () => api.node.runtime.database.sql;
const get = (path: string) => api.node.request("GET", path);

before(async () => {
  api = await openTemplateRuntime(null, { computes: { work: { kind: "shell", command: ["true"] } } });
  const text = JSON.stringify({
    ...{ id: "t", name: nasty, description: nasty, labels: { [nasty]: nasty } },
    params: { text: { type: "string", description: nasty, default: nasty }, day: { type: "date", required: true } },
    schedule: { cron: "*/5 * * * *", timezone: "Asia/Kolkata", params: { day: "{{ tick.date }}" } },
    tasks: [
      { id: "a", name: nasty, wait: "1h" },
      { id: "b", wait: "1h", depends_on: ["a"] },
    ],
  });
  const stored = await api.store(text);
  assert.equal(stored.status, 200, stored.text);
  // Nothing is run unless a test does it by hand.
  await api.call("PUT", "/policy/queue/*", { paused: true });
});
after(() => api.node.stop());

async function enqueue(more: object = {}): Promise<string> {
  const { json, text, status } = await api.call("POST", "/job", {
    job_type: "work",
    ...more,
  });
  assert.equal(status, 200, text);
  return json.id;
}

/** Every page, with something of each kind in it: none holds the text as markup. */
it("show hostile texts as text, with JavaScript and without", async () => {
  const died = await enqueue({ payload: { [nasty]: nasty }, concurrency_key: nasty, requires: [nasty] });
  await leaseByHand(sql(), died, nasty);
  await endByHand(sql(), died, { state: "dead", reason: nasty, error: nasty, outputs: [nasty] });
  const ran = await enqueue({ concurrency_key: nasty });
  await leaseByHand(sql(), ran, nasty);
  await putWorker(sql(), { name: nasty, held: 1, labels: `{"${nasty.replaceAll(/["\\]/g, "\\$&")}"}` });
  const runId = await api.trigger("t", { day: "2026-01-31", text: nasty });
  const params = { text: nasty };
  const ask = { template: "t", from: "2026-01-01", to: "2026-01-03", step: "1d", params };
  const backfill = (await api.call("POST", "/backfill", ask)).json.id;
  const holding: [string, number][] = [
    [`/job/${died}`, 5],
    [`/job/${ran}`, 2],
    ["/job/list", 1],
    ["/dead-letter", 1],
    ["/worker", 2],
    ["/template", 1],
    ["/template/t", 5],
    [`/run/${runId}`, 2],
    [`/backfill/${backfill}`, 3],
  ];
  for (const path of ["/job", "/run", "/backfill"]) page(await get(path));
  for (const [path, least] of holding) {
    for (const [at, times] of [
      [path, least],
      [`/component${path}`, 1],
    ] as const) {
      const { text, status } = await get(at);
      assert.equal(status, 200, at);
      assert.ok(!text.includes("<img"), at);
      assert.ok(
        text.split("&lt;img src=x onerror=alert(1)&gt;").length > times,
        `${at} shows it less than ${times} times`,
      );
    }
  }
});

describe("pages of jobs", () => {
  it("say what is not there, and pass over what a filter cannot be", async () => {
    for (const path of [
      "/job/x",
      "/run/x",
      "/backfill/x",
      "/template/x",
      "/job/0190a2f0-0000-7000-8000-000000000000",
    ]) {
      page(await get(path), 404);
      assert.equal((await get(`/component${path}`)).status, 404, path);
    }
    for (const path of [
      "/job/list?state=nonsense&cursor=nonsense&queue=%00&dataset_id=x",
      "/dead-letter?queue=%00%ff&cursor=1",
      "/run?state=nonsense&cursor=AAAA&template=%00",
      "/template?after=%ff",
    ])
      page(await get(path));
    assert.ok(textOf((await get("/job/list?queue=nobody%27s")).text).includes("No job matches"));
    assert.ok(textOf((await get("/dead-letter?queue=nobody%27s")).text).includes("None of this filter"));
  });

  it("count what waits, since when, and what ended", async () => {
    const ids = [await enqueue({ queue: "counted" }), await enqueue({ queue: "counted", delay_s: 60 })];
    let cells: string[] = [];
    // Queues are not counted at each look when counting takes long.
    await until("it is counted", async () => {
      const html = page(await get("/job"));
      const row = html.slice(html.indexOf('id="queue-counted"'));
      cells = contentOf(row.slice(0, row.indexOf("</tr>")), "td");
      return cells.length > 0;
    });
    assert.deepEqual(cells.slice(0, 3).map(textOf), ["counted", "paused", "1"]);
    const { run_at: due } = (await api.call("GET", `/job/${ids[0]}`)).json;
    assert.ok((cells[3] ?? "").includes(`datetime="${due}"`));
    assert.equal(textOf(cells[4] ?? ""), "1");
  });

  it("are sent to who listens, when something came in", async () => {
    const headers = { Accept: "text/event-stream" };
    const url = `${api.node.url}/component/job/list?queue=heard`;
    const events = await EventReader.of(await fetch(url, { headers }));
    assert.match((await events.next()).data.html, /No job matches/);
    const id = await enqueue({ queue: "heard" });
    assert.ok((await events.next()).data.html.includes(`/job/${id}`));
    await events.close();
  });

  it("page lists by their cursors", async () => {
    const ids: string[] = [];
    for (let n = 0; n < 53; n++) ids.push(await enqueue({ queue: "paged" }));
    const first = page(await get("/job/list?queue=paged"));
    const [, more = ""] = /href="(\/job\/list\?[^"]*cursor=[^"]*)"/.exec(first) ?? [];
    const second = page(await get(more.replaceAll("&amp;", "&")));
    const shown = [first, second].flatMap((html) => [...html.matchAll(/id="job-([^"]*)"/g)].map(([, id = ""]) => id));
    assert.deepEqual(shown, ids.toReversed());
    assert.ok(!second.includes("Older jobs"));
  });
});

describe("the page of a template", () => {
  it("shows a form to who may trigger it only, and its next ticks in its zone", async () => {
    const stranger = page(await get("/template/t"));
    assert.ok(!stranger.includes("trigger_form") && !stranger.includes("data-method"));
    const [ticks = ""] = contentOf(stranger, "ol").filter((list) => list.includes("<time"));
    const times = [...ticks.matchAll(/datetime="([^"]*)"/g)].map(([, at]) => Date.parse(at ?? ""));
    assert.equal(times.length, 5);
    assert.deepEqual(
      times.slice(1).map((at, i) => at - (times[i] ?? 0)),
      [300_000, 300_000, 300_000, 300_000],
    );
  });

  it("colours the days of a backfill's runs by their own dates", async () => {
    const day = new Date(Date.now() - 9 * 86_400_000).toISOString().slice(0, 10);
    await api.call("PUT", "/policy/queue/*", { paused: false });
    const { json } = await api.call("POST", "/backfill", { template: "t", from: day, to: day, step: "1d" });
    const { rows } = (await api.call("GET", `/backfill/${json.id}/run`)).json;
    assert.equal(rows.length, 1);
    const started = async () => (await api.call("GET", `/backfill/${json.id}/run`)).json.rows[0].run_id;
    let runId = "";
    await until("it has begun", async () => {
      runId = (await started()) ?? "";
      return runId !== "";
    });
    await api.call("PUT", `/run/${runId}/cancel`);
    assert.ok(page(await get("/template/t")).includes(`<span class="day cancelled" title="${day}: 1 cancelled">`));
  });
});
