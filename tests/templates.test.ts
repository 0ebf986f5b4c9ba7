/** Templates from their folder to a computed plan: loading, triggering over HTTP, instantiating once for what asked. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createComputes } from "../src/compute/compute.ts";
import { newUuid } from "../src/model/ids.ts";
import { enqueueInstantiation } from "../src/store/instantiations.ts";
import { readFolder } from "../src/templates/load.ts";
import { jobsOfSource } from "./support/job-rows.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const orbit = `
id: orbit
name: Orbit products
description: Two steps
params: { ship: { required: true, description: Its name } }
tasks:
  - { id: count, command: "printf '{\\"canary\\":\\"%s\\"}' \\"$SECRET_KEY\\"" }
  - id: sum
    name: Sum
    command: [cat]
    depends_on: [count]
    passthrough: { factor: 18446744073709551615 }
`;

let dir: string;
let node: TestRuntime;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "orrery-templates-"));
  await writeFile(join(dir, "orbit.yaml"), orbit);
  await writeFile(join(dir, "notes.txt"), "no template");
  node = await openTestRuntime({ config: { templatesDir: dir } });
});
after(async () => {
  await node.stop();
  await rm(dir, { recursive: true });
});

async function trigger(body: unknown, headers: Record<string, string> = {}, id = "orbit") {
  const token = await node.tokenOf("publisher");
  return node.request("POST", `/api/template/${id}/trigger`, { token, body, headers });
}

interface Shown {
  readonly name: string;
  readonly state: string;
  readonly compute: string;
  readonly passback: unknown;
}

async function computed(datasetId: string): Promise<Map<string, Shown>> {
  let products: Shown[] = [];
  await until("every product is success", async () => {
    const answer = await node.request("GET", `/api/plan/${datasetId}`);
    products = answer.json.data_products;
    return answer.status === 200 && products.every((product) => product.state === "success");
  });
  return new Map(products.map((product) => [product.name, product]));
}

describe("a folder of templates", () => {
  const computes = () => createComputes(new Map());

  it("is refused when two files hold the same id, when one is unusable, and when it is missing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "orrery-templates-"));
    const task = "tasks: [{ name: a, command: ls }]";
    await writeFile(join(folder, "a.yaml"), `id: one\n${task}`);
    await writeFile(join(folder, "b.yml"), `id: one\n${task}`);
    await assert.rejects(readFolder(folder, computes()), /b\.yml: the template "one" is in .*a\.yaml too/);
    await writeFile(join(folder, "b.yml"), "tasks:\n  - name: x\n    compute: nowhere\n");
    await assert.rejects(readFolder(folder, computes()), /b\.yml:3:5: unknown compute "nowhere"/);
    await rm(folder, { recursive: true });
    await assert.rejects(readFolder(folder, computes()), /Cannot read the folder of templates/);
  });

  it("may be none", async () => {
    assert.deepEqual(await readFolder(null, computes()), []);
  });
});

describe("GET /api/template", () => {
  it("lists templates without their commands", async () => {
    const { status, json, text } = await node.request("GET", "/api/template");
    assert.equal(status, 200);
    assert.deepEqual(json[0].params, [{ name: "ship", type: "json", description: "Its name", required: true }]);
    assert.deepEqual([json[0].version, json[0].paused, json[0].schedule], [1, false, null]);
    assert.deepEqual(json[0].tasks[1], {
      id: "sum",
      name: "Sum",
      version: "1",
      kind: "command",
      compute: "template:orbit@1/sum",
      eager: true,
      depends_on: ["count"],
      retries: null,
      timeout_s: null,
      deadline_s: null,
    });
    assert.ok(!text.includes("printf"));
    assert.deepEqual((await node.request("GET", "/api/template/orbit")).json, json[0]);
    assert.equal((await node.request("GET", "/api/template/none")).status, 404);
  });
});

describe("POST /api/template/{id}/trigger", () => {
  it("publishes a plan whose commands run, without our secrets", async () => {
    const { status, json } = await trigger({ params: { ship: "AURORA-1" } });
    assert.equal(status, 200);
    assert.deepEqual(json.dataset.extra, {
      ...{ template: "orbit", version: 1, name: "Orbit products" },
      params: { ship: "AURORA-1" },
    });
    const products = await computed(json.dataset.id);
    assert.deepEqual(products.get("count")?.passback, { canary: "" });
    const given = products.get("Sum")?.passback as { passthrough: unknown; parents: { name: string }[] };
    assert.deepEqual(
      given.parents.map(({ name }) => name),
      ["count"],
    );
    assert.deepEqual(given.passthrough, { factor: 18446744073709552000, params: { ship: "AURORA-1" } });
  });

  it("makes one plan of one dataset id, and one of one Idempotency-Key", async () => {
    const body = { params: { ship: "A" }, dataset_id: newUuid() };
    const [first, second] = [await trigger(body), await trigger({ ...body, params: { ship: "B" } })];
    assert.deepEqual([first.status, second.status], [200, 200]);
    assert.equal(second.json.dataset.extra.params.ship, "A");

    const key = { "Idempotency-Key": newUuid() };
    const answers = [await trigger({ params: { ship: "A" } }, key), await trigger({ params: { ship: "A" } }, key)];
    assert.equal(answers[0]?.text, answers[1]?.text);
    assert.equal((await trigger({ params: { ship: "B" } }, key)).status, 422);
  });

  it("refuses what is wrong, in the contract's order", async () => {
    assert.equal((await node.request("POST", "/api/template/orbit/trigger", { body: {} })).status, 401);
    const token = await node.tokenOf("updater");
    assert.equal((await node.request("POST", "/api/template/none/trigger", { token, body: [] })).status, 422);
    assert.equal((await node.request("POST", "/api/template/none/trigger", { token, body: "{" })).status, 400);
    assert.equal((await node.request("POST", "/api/template/none/trigger", { token, body: {} })).status, 403);
    assert.equal((await trigger({}, {}, "none")).status, 404);
    const missing = await trigger({ params: {} });
    assert.deepEqual([missing.status, missing.json.code, missing.json.field], [422, "invalid_field", "params.ship"]);
    assert.equal((await trigger({ params: "AURORA" })).status, 422);
    assert.equal((await trigger({ params: { ship: "A" }, dataset_id: "1" })).json.field, "dataset_id");
  });
});

describe("a plan that names a template's compute", () => {
  it("runs that command and no other", async () => {
    const [datasetId, id] = [newUuid(), newUuid()];
    const token = await node.tokenOf("publisher");
    const product = {
      id,
      name: "mine",
      version: "1",
      eager: true,
      // As plans from before templates had versions name it.
      compute: "template:orbit/sum",
      passthrough: { command: "touch /tmp/x" },
    };
    const body = { dataset: { id: datasetId }, data_products: [product], dependencies: [] };
    assert.equal((await node.request("POST", "/api/plan", { token, body })).status, 200);
    const shown = (await computed(datasetId)).get("mine")?.passback as { passthrough: unknown };
    assert.deepEqual(shown.passthrough, { command: "touch /tmp/x" });
    const shell = { ...body, data_products: [{ ...product, compute: "shell" }] };
    assert.equal((await node.request("POST", "/api/plan", { token, body: shell })).status, 400);
  });
});

describe("an instantiation", () => {
  it("asked for twice by one source makes one plan, which is computed", async () => {
    const { sql } = node.runtime.database;
    const datasetId = newUuid();
    const ask = {
      source: "pass",
      sourceKey: newUuid(),
      templateId: "orbit",
      datasetId,
      params: { ship: "A" },
      at: "2026-01-31T10:20:30Z",
    };
    assert.deepEqual([await enqueueInstantiation(sql, ask), await enqueueInstantiation(sql, ask)], [true, false]);
    await computed(datasetId);
    // A second source that asks for the same dataset finds the plan there.
    await enqueueInstantiation(sql, { ...ask, sourceKey: newUuid(), params: { ship: "B" } });
    await until("both jobs are done", async () => {
      const rows = await jobsOfSource(sql, "pass");
      return rows.length === 2 && rows.every((row) => row.state === "succeeded");
    });
    const plan = await node.request("GET", `/api/plan/${datasetId}`);
    assert.deepEqual([plan.json.dataset.extra.params.ship, plan.json.dataset.modified_by], ["A", "orrery"]);
  });
});
