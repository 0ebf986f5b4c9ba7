/** What explain tells of products that are dispatched, out of the tables of jobs; and checks of what their attempts hand back. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { newTimeUuid } from "../src/model/ids.ts";
import type { Sql } from "../src/store/sql.ts";
import { done, productOf, Scene, states } from "./support/http.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const module = join(import.meta.dirname, "fixtures/plan-functions.ts");

let api: TestRuntime;
let sql: Sql;
before(async () => {
  const fn = (name: string, more: object = {}) => ({ kind: "function" as const, module, export: name, ...more });
  api = await openTestRuntime({
    config: {
      computes: {
        hand: fn("hand"),
        once: fn("fail", { attempts: 1 }),
        again: fn("fail", { attempts: 5 }),
        hang: fn("hang", { concurrency: 1 }),
        cams: { kind: "external" },
      },
    },
  });
  sql = api.runtime.database.sql;
});
after(() => api.stop());

const explain = async (scene: Scene, name: string) =>
  done(await api.request("GET", `/api/data_product/${scene.datasetId}/${scene.id(name)}/explain`)).json;

/** A plan whose products run on computes, by name, each with what more is said of it. */
async function publish(scene: Scene, chains: string, by: Record<string, object>): Promise<void> {
  const body = scene.body(chains);
  const products = body.data_products.map((product) => ({ ...product, ...by[product.name] }));
  done(await scene.publish({ ...body, data_products: products }));
}

const becomes = (scene: Scene, name: string, state: string) =>
  until(`${name} is ${state}`, async () => productOf(await scene.get(), name).state === state);

describe("explaining a dispatched product", () => {
  it("that runs names its attempt, and who runs it", async () => {
    const scene = new Scene(api);
    await publish(scene, "h", { h: { compute: "hang" } });
    await becomes(scene, "h", "running");
    const told = await explain(scene, "h");
    assert.match(told.summary, new RegExp(`^h is running since .*: attempt 1 of 3 on ${api.runtime.nodeId}$`));
    assert.match(told.job_id, /^[0-9a-f]{8}-/);
    done(await scene.disable("h"));
  });

  it("that waits for a slot says so, and whose limit holds it", async () => {
    const [first, second] = [new Scene(api), new Scene(api)];
    await publish(first, "h", { h: { compute: "hang" } });
    await becomes(first, "h", "running");
    await publish(second, "h", { h: { compute: "hang" } });
    const told = await explain(second, "h");
    assert.equal(told.state, "queued");
    assert.match(
      told.summary,
      /^h (is queued in products since .* and waits for a free slot|was taken by .* is about to start)$/,
    );
    done(await first.disable("h"));
    done(await second.disable("h"));
  });

  it("that backs off says until when, and why", async () => {
    const scene = new Scene(api);
    await publish(scene, "f", { f: { compute: "again" } });
    await until("it backs off", async () => /between attempts|backing off/.test((await explain(scene, "f")).summary));
    const told = await explain(scene, "f");
    assert.equal(told.last_error, "the archive is empty\nat line 7");
    assert.match(told.summary, /of 5 failed: the archive is empty/);
    assert.match(told.next_run_at, /^\d{4}-/);
    done(await scene.disable("f"));
  });

  it("that failed tells its last error, its attempts and what to do", async () => {
    const scene = new Scene(api);
    await publish(scene, "f", { f: { compute: "once" } });
    await becomes(scene, "f", "failed");
    const told = await explain(scene, "f");
    assert.match(told.summary, /^f failed at .* after 1 attempt of 1: the archive is empty$/);
    assert.equal(told.last_error, "the archive is empty\nat line 7");
    assert.match(told.suggested_action, /retry-failed/);
  });

  /** What holds a job back is not to be waited for: the job is put where it would be. */
  async function queued(scene: Scene, requires: string[] = []): Promise<string> {
    done(await scene.publish(scene.body("h")));
    const jobId = newTimeUuid();
    await sql`insert into job_record (job_id, queue, job_type, dataset_id, product_id, priority, run_at, attempts_max, requires, created_by, created_at)
      values (${jobId}::uuid, 'held', 'cams', ${scene.datasetId}::uuid, ${scene.id("h")}::uuid, 0, now(), 3,
        ${`{${requires.join()}}`}::text::text[], 'test', now())`;
    await sql`insert into job (job_id, queue, job_type, state, priority, run_at, attempts_max, held_by, dataset_id, product_id)
      values (${jobId}::uuid, 'held', 'cams', 'queued', 0, now(), 3, 'test:still', ${scene.datasetId}::uuid, ${scene.id("h")}::uuid)`;
    await sql`update product set state = 'queued', job_id = ${jobId}::uuid
      where dataset_id = ${scene.datasetId}::uuid and product_id = ${scene.id("h")}::uuid`;
    const { supervisor } = api.runtime;
    const revision = (await supervisor.read(scene.datasetId))?.revision ?? 0;
    await sql`update dataset_head set revision = ${revision + 1}::bigint where dataset_id = ${scene.datasetId}::uuid`;
    // As after an hour: the plan is read anew.
    await until("it is read anew", async () => {
      await scene.publish({ ...scene.body(""), dataset: { id: scene.datasetId } });
      return productOf(await scene.get(), "h").state === "queued";
    });
    return jobId;
  }

  it("that is held names the limit", async () => {
    const scene = new Scene(api);
    const jobId = await queued(scene);
    // Again, should a node find meanwhile that no such limit holds it.
    const tells = (heldBy: string, told: RegExp) =>
      until(`${told}`, async () => {
        await sql`update job set held_by = ${heldBy} where job_id = ${jobId}::uuid`;
        return told.test((await explain(scene, "h")).summary);
      });
    await tells("key:held:customer:7", /held by the limit of concurrency key customer:7 in queue held$/);
    await tells(`dataset:${scene.datasetId}`, /held by the limit on jobs of this dataset at once$/);
    await sql`delete from job where job_id = ${jobId}::uuid`;
  });

  it("that nothing holds but a pause, a label or a policy says which", async () => {
    const scene = new Scene(api);
    const jobId = await queued(scene);
    const told = () => explain(scene, "h");
    await sql`update job set held_by = null, queue = 'elsewhere' where job_id = ${jobId}::uuid`;
    assert.match((await told()).summary, /^h is queued in held since .* and waits for a free slot$/);

    await sql`insert into decision (decision_id, kind, code, queue, job_type, count, detail, at)
      values (${newTimeUuid()}::uuid, 'policy', 'QUEUE_RATE', 'held', null, 3, 'queue "held" starts 2 a second at most', now())`;
    assert.match(
      (await told()).summary,
      /^h is queued and delayed: queue "held" starts 2 a second at most \(QUEUE_RATE\)$/,
    );

    const worker = (kind: string, labels: string) => sql`
      insert into worker (worker_id, kind, name, host, version, queues, labels, slots, held, started_at, seen_at)
      values (${`${kind}-${labels}`}, ${kind}, 'w', 'h', '1', '{held}', ${`{${labels}}`}::text::text[], 1, 0, now(), now())`;
    await sql`update job_record set requires = '{gpu,big}' where job_id = ${jobId}::uuid`;
    await worker("node", "gpu");
    const none = await told();
    assert.match(none.summary, /^h is queued, and no node or worker can run compute cams with the labels gpu, big$/);
    assert.equal(none.suggested_action, "Start a worker that can run it");
    await worker("node", "gpu,big,fast");
    assert.doesNotMatch((await told()).summary, /no node/);
    await sql`update worker set draining_since = now() where worker_id = 'node-gpu,big,fast'`;
    assert.match((await told()).summary, /every worker that can run cams is draining$/);
    await sql`update worker set draining_since = null, seen_at = now() - interval '1 hour'`;
    assert.match((await told()).summary, /no node or worker/);
    await sql`update job_record set requires = null, job_type = 'gone' where job_id = ${jobId}::uuid`;
    assert.match((await told()).summary, /no node or worker can run compute gone$/);

    await sql`insert into policy (scope, subject, paused, modified_by, modified_at)
      values ('queue', '*', true, 't', now()), ('queue', 'held', false, 't', now())`;
    assert.doesNotMatch((await told()).summary, /paused/);
    await sql`update policy set paused = true where subject = 'held'`;
    const paused = await told();
    assert.match(paused.summary, /^h is queued, and the queue held is paused$/);
    assert.match(paused.suggested_action, /PUT \/api\/queue\/held/);
    await sql`delete from policy where subject in ('*', 'held')`;
    await sql`delete from job where job_id = ${jobId}::uuid`;
  });
});

describe("the check of a dispatched product", () => {
  const check = { type: "object", required: ["rows"], properties: { rows: { minimum: 1 } } };

  it("fails its attempt for good when it hands back another thing, and lets children wait", async () => {
    const scene = new Scene(api);
    await publish(scene, "a>b", { a: { compute: "hand", passthrough: { rows: 0 }, check } });
    await becomes(scene, "a", "failed");
    const plan = await scene.get();
    assert.deepEqual(states(plan), { a: "failed", b: "waiting" });
    const told = await explain(scene, "a");
    const why = "The passback breaks its check: rows must be at least 1";
    assert.match(told.summary, new RegExp(`^a failed at .* after 1 attempt of 3, and is not retried: ${why}$`));
    assert.equal(told.last_error, why);
    const rows = await sql<{ outcome: string; error: string; reason: string }>`
      select a.outcome, a.error, e.reason from every_attempt a join job_end e using (job_id) join job_record r using (job_id)
      where r.dataset_id = ${scene.datasetId}::uuid`;
    assert.deepEqual(rows, [{ outcome: "failed", error: why, reason: "not_retryable" }]);
  });

  it("lets through what fits", async () => {
    const scene = new Scene(api);
    await publish(scene, "a>b", { a: { compute: "hand", passthrough: { rows: 2 }, check } });
    await becomes(scene, "a", "success");
    assert.deepEqual(states(await scene.get()), { a: "success", b: "queued" });
  });
});
