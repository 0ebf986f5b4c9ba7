/** Dead letters: listed, counted by reason, redriven once however many ask; a product's by clearing its product. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { productOf, refused, Scene } from "./support/http.ts";
import { endByHand } from "./support/jobs-by-hand.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";

describe("dead letters", () => {
  let node: TestRuntime;
  let publisher = "";
  let operator = "";
  before(async () => {
    node = await openTestRuntime({ config: { computes: { work: { kind: "shell", command: ["true"] } } } });
    publisher = await node.tokenOf("publisher");
    operator = await node.tokenOf("operator");
    // What is redriven stays where it is put.
    await act("PUT", "/policy/queue/*", { paused: true });
  });
  after(() => node.stop());

  const get = (path: string) => node.request("GET", `/api${path}`);
  const act = (method: string, path: string, body: unknown) =>
    node.request(method, `/api${path}`, { token: operator, body });
  const redrive = async (body: object) => {
    const { status, json, text } = await act("POST", "/dlq/redrive", body);
    assert.equal(status, 200, text);
    return json;
  };
  const sql = () => node.runtime.database.sql;

  async function dead(queue: string, more: object = {}, reason = "attempts_exhausted"): Promise<string> {
    const body = { queue, job_type: "work", ...more };
    const { json } = await node.request("POST", "/api/job", { token: publisher, body });
    await endByHand(sql(), json.id, { state: "dead", reason, error: "it broke" });
    return json.id;
  }
  const idsOf = async (query: string): Promise<string[]> =>
    (await get(`/dlq?${query}`)).json.rows.map((row: { id: string }) => row.id);

  it("are listed newest first, by queue, type and reason, with how many there are", async () => {
    const queue = "dead-list";
    const ids = [await dead(queue), await dead(queue, {}, "not_retryable"), await dead(queue)];
    const { json } = await get(`/dlq?queue=${queue}`);
    assert.deepEqual([json.rows.length, json.total, json.next_cursor], [3, 3, null]);
    assert.deepEqual(await idsOf(`queue=${queue}`), ids.toReversed());
    const [row] = json.rows;
    assert.deepEqual([row.state, row.reason, row.error], ["dead", "attempts_exhausted", "it broke"]);
    assert.deepEqual(await idsOf(`queue=${queue}&reason=not_retryable`), [ids[1]]);
    assert.deepEqual(await idsOf(`queue=${queue}&job_type=other`), []);
    const page = (await get(`/dlq?queue=${queue}&limit=2`)).json;
    assert.deepEqual(await idsOf(`queue=${queue}&limit=2&cursor=${page.next_cursor}`), [ids[0]]);
    assert.equal(page.total, 3);
    refused(await get("/dlq?cursor=x"), 400, "cursor");
    const reasons = (await get("/dlq/reason")).json.filter((reason: { queue: string }) => reason.queue === queue);
    assert.deepEqual(reasons, [
      { reason: "attempts_exhausted", job_type: "work", queue, count: 2 },
      { reason: "not_retryable", job_type: "work", queue, count: 1 },
    ]);
  });

  it("are redriven by id as new jobs that are like them and point at them", async () => {
    const queue = "dead-one";
    const asked = {
      payload: { big: 1 },
      priority: 4,
      max_attempts: 7,
      timeout_s: 3,
      requires: ["x"],
      concurrency_key: "k",
    };
    const id = await dead(queue, asked);
    const trial = await redrive({ ids: [id], dry_run: true });
    assert.deepEqual(trial, { dry_run: true, matched: 1, redriven: [{ id, as: null }], skipped: [] });
    assert.deepEqual(await idsOf(`queue=${queue}`), [id]);

    const { redriven, skipped } = await redrive({ ids: [id, id] });
    assert.deepEqual([redriven.length, redriven[0].id, skipped], [1, id, []]);
    const { json } = await get(`/job/${redriven[0].as}`);
    const { payload, priority, max_attempts, timeout_s, requires, concurrency_key } = json;
    assert.deepEqual({ payload, priority, max_attempts, timeout_s, requires, concurrency_key }, asked);
    assert.deepEqual([json.replay_of, json.state, json.created_by, json.queue], [id, "queued", "operator", queue]);
    assert.equal((await get(`/job/${id}`)).json.redriven_as, json.id);
    assert.deepEqual(await idsOf(`queue=${queue}`), []);

    const again = await redrive({ ids: [id, json.id, randomUUID()] });
    assert.deepEqual([again.matched, again.redriven], [3, []]);
    const whys = again.skipped.map((one: { why: string }) => one.why);
    assert.match(whys[0], new RegExp(json.id));
    assert.match(whys[1], /not dead/);
    assert.match(whys[2], /no such job/);
  });

  it("are redriven once when ten ask at the same time", async () => {
    const queue = "dead-race";
    const ids: string[] = [];
    for (let n = 0; n < 20; n++) ids.push(await dead(queue));
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => redrive(n % 2 === 0 ? { ids } : { filter: { queue } })),
    );
    const redriven = answers.flatMap((answer) => answer.redriven.map((one: { id: string }) => one.id));
    assert.deepEqual(redriven.toSorted(), ids.toSorted());
    const [row] = await sql()<{ live: number; records: number }>`
      select (select count(*) from job where queue = ${queue}) as live,
        (select count(*) from job_record where queue = ${queue} and replay_of is not null) as records`;
    assert.deepEqual(row, { live: 20, records: 20 });
  });

  it("are redriven by a filter, the oldest first, as many as are asked for", async () => {
    const queue = "dead-filter";
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push(await dead(queue, {}, n === 4 ? "not_retryable" : "attempts_exhausted"));
    const trial = await redrive({ filter: { queue, reason: "attempts_exhausted" }, dry_run: true });
    assert.deepEqual([trial.matched, trial.redriven.length], [4, 4]);
    const some = await redrive({ filter: { queue }, limit: 2 });
    assert.deepEqual(
      some.redriven.map((one: { id: string }) => one.id),
      ids.slice(0, 2),
    );
    const rest = await redrive({ filter: { queue, job_type: "work" } });
    assert.equal(rest.redriven.length, 3);
    assert.equal((await redrive({ filter: { queue } })).matched, 0);
  });

  it("are left when nothing runs their type any more, and the others are redriven", async () => {
    const queue = "dead-type";
    const [gone, fine] = [await dead(queue), await dead(queue)];
    await sql()`update job_record set job_type = 'gone' where job_id = ${gone}::uuid`;
    const { redriven, skipped } = await redrive({ filter: { queue } });
    assert.deepEqual([redriven.length, redriven[0].id, skipped[0].id], [1, fine, gone]);
    assert.match(skipped[0].why, /gone/);
  });

  it("are redriven by those with the role, who say which", async () => {
    refused(await node.request("POST", "/api/dlq/redrive", { token: publisher, body: { filter: {} } }), 403, "operate");
    const wrong: [object, string][] = [
      [{}, "ids"],
      [{ ids: [randomUUID()], filter: {} }, "ids"],
      [{ ids: [] }, "ids"],
      [{ ids: ["x"] }, "ids.0"],
      [{ filter: { queue: 1 } }, "filter.queue"],
      [{ filter: {}, limit: 0 }, "limit"],
      [{ filter: {}, dry_run: "yes" }, "dry_run"],
    ];
    for (const [body, field] of wrong) {
      const answer = await act("POST", "/dlq/redrive", body);
      assert.deepEqual([answer.status, answer.json.field], [422, field], answer.text);
    }
  });

  describe("of a product", () => {
    /** A product that failed by a job that is dead. */
    async function failed() {
      const scene = new Scene(node);
      await scene.publish("a>b");
      await scene.set("failed", "a");
      const id = await dead("products");
      await sql()`update job_record set dataset_id = ${scene.datasetId}::uuid, product_id = ${scene.id("a")}::uuid
        where job_id = ${id}::uuid`;
      return { scene, id };
    }

    it("are redriven by clearing it, and are no dead letters any more", async () => {
      const { scene, id } = await failed();
      assert.ok((await idsOf("queue=products")).includes(id));
      const trial = await redrive({ ids: [id], dry_run: true });
      assert.deepEqual(trial.redriven, [{ id, as: null }]);
      assert.equal(productOf(await scene.get(), "a").state, "failed");
      const [one, two] = await Promise.all([redrive({ ids: [id] }), redrive({ ids: [id] })]);
      assert.equal(one.redriven.length + two.redriven.length, 1);
      const product = productOf(await scene.get(), "a");
      assert.deepEqual([product.state, product.modified_by], ["queued", "operator"]);
      assert.deepEqual(await idsOf("queue=products"), []);
      const { json } = await get(`/job/${id}/timeline`);
      assert.equal(json.entries.at(-1).kind, "redriven");
    });

    it("are left, and not listed, when it is not failed any more or has a newer job", async () => {
      const { scene, id } = await failed();
      await scene.set("success", "a");
      const { redriven, skipped } = await redrive({ ids: [id] });
      assert.deepEqual([redriven, skipped[0].id], [[], id]);
      assert.match(skipped[0].why, /not failed/);
      assert.equal(productOf(await scene.get(), "a").state, "success");
      assert.ok(!(await idsOf("queue=products")).includes(id));

      const other = await failed();
      const newer = await dead("products");
      await sql()`update job_record set dataset_id = ${other.scene.datasetId}::uuid,
        product_id = ${other.scene.id("a")}::uuid where job_id = ${newer}::uuid`;
      assert.deepEqual((await redrive({ ids: [other.id] })).skipped, [
        { id: other.id, why: "its product has a newer job" },
      ]);
      assert.deepEqual(await idsOf("queue=products"), [newer]);
      assert.equal((await redrive({ filter: { queue: "products" } })).redriven[0].id, newer);
      assert.equal((await get("/status")).status, 200);
    });
  });
});
