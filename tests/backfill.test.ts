/** Backfills over HTTP: previewed, a few runs at a time, followed and cancelled. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { until } from "./support/signal.ts";
import { openTemplateRuntime, type TemplateRuntime } from "./support/template-runs.ts";

let dir: string;
let runtime: TemplateRuntime;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "orrery-backfill-"));
  runtime = await openTemplateRuntime(dir);
  // Each run shows that it has begun, and waits for a file to end.
  const stored = await runtime.store(`id: gated
params: { day: { type: date, required: true } }
tasks: [{ id: a, command: 'touch "began-$ORRERY_PARAM_DAY"; until [ -e go ] || [ -e "go-$ORRERY_PARAM_DAY" ]; do sleep 0.02; done' }]`);
  assert.equal(stored.status, 200, stored.text);
});
after(async () => {
  await runtime.node.stop();
  await rm(dir, { recursive: true });
});

const began = async () => (await readdir(dir)).filter((name) => name.startsWith("began-")).sort();
const range = { template: "gated", from: "2026-01-01", to: "2026-01-05" };

describe("POST /api/backfill", () => {
  it("shows what it would do, and does nothing, when it is dry", async () => {
    const { status, json } = await runtime.call("POST", "/backfill", { ...range, dry_run: true });
    assert.equal(status, 200);
    assert.deepEqual([json.id, json.count, json.dry_run, json.template, json.version], [null, 5, true, "gated", 1]);
    assert.deepEqual(json.runs[4], { at: "2026-01-05T00:00:00.000000+00:00", params: { day: "2026-01-05" } });
    assert.deepEqual((await runtime.call("GET", "/backfill")).json, []);
  });

  it("is refused with the bad field, for whoever may not, and of no template", async () => {
    const fault = async (body: unknown) => {
      const { status, json } = await runtime.call("POST", "/backfill", body);
      return [status, json.code, json.field];
    };
    assert.deepEqual(await fault({ ...range, template: "none" }), [422, "invalid_field", "template"]);
    assert.deepEqual(await fault({ ...range, concurrency: 0 }), [422, "invalid_field", "concurrency"]);
    assert.deepEqual(await fault({ ...range, from: "2026-02-30" }), [422, "invalid_field", "from"]);
    assert.deepEqual(await fault({ template: "gated", params: [{ day: "soon" }] }), [
      422,
      "invalid_field",
      "params.0.day",
    ]);
    assert.deepEqual(await fault({ template: "gated", params: [] }), [422, "invalid_field", "params"]);
    assert.equal((await runtime.as("publisher", "POST", "/backfill", { body: range })).status, 403);
  });

  it("runs at most so many at once, in order, and says how far it is", async () => {
    const key = { "Idempotency-Key": "one" };
    const made = await runtime.call("POST", "/backfill", { ...range, concurrency: 2 }, key);
    assert.equal(made.status, 200, made.text);
    const { id } = made.json;
    assert.equal((await runtime.call("POST", "/backfill", { ...range, concurrency: 2 }, key)).json.id, id);
    assert.equal((await runtime.call("POST", "/backfill", { ...range, concurrency: 3 }, key)).status, 422);
    const read = async () => (await runtime.call("GET", `/backfill/${id}`)).json;

    await until("two have begun", async () => (await began()).length === 2);
    assert.deepEqual(await began(), ["began-2026-01-01", "began-2026-01-02"]);
    assert.deepEqual((await read()).runs, { running: 2, waiting: 3 });

    await writeFile(join(dir, "go-2026-01-02"), "");
    await until("the third has begun", async () => (await began()).length === 3);
    assert.deepEqual((await read()).runs, { running: 2, success: 1, waiting: 2 });

    await writeFile(join(dir, "go"), "");
    await until("it has finished", async () => (await read()).state === "finished", 60_000);
    const done = await read();
    assert.deepEqual([done.count, done.runs, done.concurrency, done.created_by], [5, { success: 5 }, 2, "owner"]);

    const page = (await runtime.call("GET", `/backfill/${id}/run?limit=3`)).json;
    assert.deepEqual(page.rows.map(({ seq, params, state }: Record<string, unknown>) => [seq, params, state])[2], [
      2,
      { day: "2026-01-03" },
      "success",
    ]);
    const rest = (await runtime.call("GET", `/backfill/${id}/run?limit=3&cursor=${page.next_cursor}`)).json;
    assert.deepEqual([rest.rows.length, rest.next_cursor], [2, null]);
    const run = (await runtime.call("GET", `/run/${rest.rows[1].run_id}`)).json;
    assert.deepEqual(
      [run.source, run.triggered_by, run.at, run.params],
      ["backfill", "owner", "2026-01-05T00:00:00.000000+00:00", { day: "2026-01-05" }],
    );
    assert.equal((await runtime.call("PUT", `/backfill/${id}/cancel`)).status, 409);
  });

  it("is cancelled: nothing more begins, and what goes on stops", async () => {
    await rm(join(dir, "go"));
    const params = ["2026-03-01", "2026-03-02", "2026-03-03"].map((day) => ({ day }));
    const { id } = (await runtime.call("POST", "/backfill", { template: "gated", params })).json;
    await until("one has begun", async () => (await began()).includes("began-2026-03-01"));
    const cancelled = await runtime.call("PUT", `/backfill/${id}/cancel`);
    assert.deepEqual([cancelled.status, cancelled.json.runs], [200, { cancelled: 1, waiting: 2 }]);
    await until("it has ended", async () => (await runtime.call("GET", `/backfill/${id}`)).json.state === "cancelled");
    assert.ok(!(await began()).includes("began-2026-03-02"));
  });

  it("starts nothing while its template is paused", async () => {
    await runtime.call("PUT", "/template/gated/pause");
    const { id } = (await runtime.call("POST", "/backfill", { template: "gated", params: [{ day: "2026-04-01" }] }))
      .json;
    await writeFile(join(dir, "go"), "");
    assert.deepEqual((await runtime.call("GET", `/backfill/${id}`)).json.runs, { waiting: 1 });
    await runtime.call("PUT", "/template/gated/unpause");
    await until(
      "it has finished",
      async () => (await runtime.call("GET", `/backfill/${id}`)).json.state === "finished",
    );
    const metrics = (await runtime.node.request("GET", "/metrics")).text;
    assert.match(metrics, /^orrery_runs_triggered_total\{source="backfill"\} 7$/m);
    assert.match(metrics, /^orrery_runs_finished_total\{state="success"\} 6$/m);
  });
});
