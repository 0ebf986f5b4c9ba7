/** Every example loads and runs to success on a node as it stands, and so do files in FlowForge's dialects. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openTemplateRuntime, type TemplateRuntime } from "./support/template-runs.ts";

const root = join(import.meta.dirname, "..");
let runtime: TemplateRuntime;
before(async () => {
  runtime = await openTemplateRuntime(join(root, "examples/templates"));
});
after(() => runtime.node.stop());

async function passbacks(runId: string): Promise<Record<string, unknown>> {
  return Object.fromEntries([...(await runtime.products(runId))].map(([name, { passback }]) => [name, passback]));
}

describe("the example", () => {
  it("simple hands a value from one command to the next", async () => {
    const runId = await runtime.trigger("simple");
    const run = await runtime.ended(runId);
    assert.deepEqual(
      [run.template, run.version, run.source, run.triggered_by, run.tasks],
      ["simple", 1, "manual", "owner", { success: 2 }],
    );
    assert.deepEqual(await passbacks(runId), { Greet: { words: ["hello", "orbit"] }, "Count the words": { count: 2 } });
  });

  it("etl takes typed parameters, and loads what is enough", async () => {
    const runId = await runtime.trigger("etl", { day: "2026-01-31", station: "SVB", minimum: "4" });
    await runtime.ended(runId);
    const { Clean, Summary, Load } = await passbacks(runId);
    assert.deepEqual(
      [Clean, Summary, Load],
      [{ readings: 4 }, { title: "SVB on 2026-01-31" }, { loaded: true, table: "readings_SVB" }],
    );
  });

  it("etl loads nothing of a day with too few readings, and is a success all the same", async () => {
    const runId = await runtime.trigger("etl", { day: "2026-01-31", minimum: 5 });
    const run = await runtime.ended(runId);
    assert.deepEqual(run.tasks, { success: 4, disabled: 1 });
    const products = await runtime.products(runId);
    assert.deepEqual(products.get("Load: when")?.passback, { condition: false });
    assert.equal(products.get("Load")?.state, "disabled");
  });

  it("daily waits between its tasks by a row alone", async () => {
    const runId = await runtime.trigger("daily", { day: "2026-01-31" });
    await runtime.ended(runId);
    const { Report, ...others } = await passbacks(runId);
    assert.deepEqual(Report, { readings: 4 });
    assert.ok("Let late readings come in" in others);
  });

  it("retry-demo fails first, and then succeeds", async () => {
    const runId = await runtime.trigger("retry-demo");
    await runtime.ended(runId);
    assert.deepEqual((await passbacks(runId)).Flaky, { attempts: 2 });
    const { sql } = runtime.node.runtime.database;
    const attempts = await sql<{ outcome: string; code: string | null }>`
      select a.outcome, a.code from every_attempt a join job_record r using (job_id)
      where r.dataset_id = ${runId}::uuid and r.job_type = 'template:retry-demo@1/flaky' order by a.attempt`;
    assert.deepEqual(attempts, [
      { outcome: "failed", code: "75" },
      { outcome: "succeeded", code: null },
    ]);
  });

  it("audit asks for a ticket only if something was found", async () => {
    const found = await runtime.trigger("audit");
    const nothing = await runtime.trigger("audit", { limit: 2.5 });
    assert.deepEqual((await runtime.ended(found)).tasks, { success: 5 });
    assert.deepEqual((await runtime.ended(nothing)).tasks, { success: 4, disabled: 1 });
    assert.equal((await runtime.products(nothing)).get("Ticket")?.state, "disabled");
  });

  it("training fits two candidates and keeps the better one", async () => {
    const runId = await runtime.trigger("training", { epochs: 40 });
    await runtime.ended(runId);
    const results = (await passbacks(runId)) as Record<string, { error: number; published?: boolean }>;
    assert.equal(results.Choose?.error, Math.min(results["Fit, slow"]?.error ?? 0, results["Fit, quick"]?.error ?? 0));
    assert.deepEqual(results.Publish, { published: true });
  });
});

describe("a file in FlowForge's dialect", () => {
  const stored = async (name: string) => {
    const answer = await runtime.store(await readFile(join(root, "tests/fixtures/templates", name), "utf8"));
    assert.equal(answer.status, 200, answer.text);
    return answer.json.id as string;
  };

  it("the flat one, runs unchanged", async () => {
    const runId = await runtime.trigger(await stored("flowforge-flat.yaml"));
    await runtime.ended(runId);
    assert.deepEqual(await passbacks(runId), {
      "Count the lines": { lines: 3 },
      "Weigh them": { grams: 12 },
      Report: null,
    });
  });

  it("flowforge.io/v1, runs unchanged", async () => {
    const runId = await runtime.trigger(await stored("flowforge-v1.yaml"), { source: "lake" });
    const run = await runtime.ended(runId);
    assert.deepEqual(run.tasks, { success: 5 });
    const { Extract, transform } = await passbacks(runId);
    assert.deepEqual([Extract, transform], [{ source: "lake" }, { rows: 5 }]);
  });
});
