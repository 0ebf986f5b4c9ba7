/** An archived pass through the definition of today: files and a plan of its own, once however often it is asked for. */
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readFile, rename } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { instantiateType } from "../src/store/instantiations.ts";
import { jobsOfSource } from "./support/job-rows.ts";
import { type LateShip, latePackets, packet, packets, registerLateShip } from "./support/late-pass.ts";
import type { Answer } from "./support/runtime.ts";
import { until } from "./support/signal.ts";
import { openTemplateRuntime, type TemplateRuntime } from "./support/template-runs.ts";

const received = [...packets(100, 0, 10), ...packets(100, 12, 30), packet(100, 3, 1), ...packets(101, 7, 20)];

describe("the replay of a pass", () => {
  let runtime: TemplateRuntime;
  let ship: LateShip;
  let passId: string;
  const template = `replayed-${randomUUID()}`;
  before(async () => {
    runtime = await openTemplateRuntime(null);
    const text = `id: ${template}\ntasks:\n  - { id: gated, command: [cat], require: { completeness: 0.9 } }\n`;
    assert.equal((await runtime.store(text)).status, 200);
    ship = await registerLateShip(runtime);
    passId = await ship.fly(received, template);
    // So that there is late data in what is replayed.
    assert.equal((await ship.add(passId, packets(100, 10, 11))).json.stored, 1);
  });
  after(() => runtime.node.stop());

  const replay = (id: string, body: object = {}, headers: Record<string, string> = {}) =>
    runtime.call("POST", `/pass/${id}/replay`, body, headers);
  const passOf = async (id: string) => (await ship.get(`/pass/${id}`)).json;
  const csvOf = (query = "") => ship.get(`/pass/${passId}/export?format=csv${query}`);

  /** As it is listed when it is done. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of any shape
  async function done({ status, json, text }: Answer): Promise<any> {
    assert.equal(status, 202, text);
    // biome-ignore lint/suspicious/noExplicitAny: as above
    let found: any;
    await until("done", async () => {
      found = (await passOf(json.pass_id)).replays.find(({ id }: { id: string }) => id === json.id);
      assert.notEqual(found.state, "failed", found.error);
      return found.state === "done";
    });
    return found;
  }

  it("decodes it anew by what the ship is today, and leaves what was", async () => {
    const before = await passOf(passId);
    const oldCsv = await csvOf();
    const [power, ...others] = latePackets.packets;
    const fields = [{ name: "volts", type: "u32", calibration: { polynomial: [1000, 1] } }];
    const today = { ...latePackets, packets: [{ ...power, fields }, ...others] };
    await runtime.call("PUT", `/ship/${ship.ship}`, { format: "ccsds", packets: today });

    const found = await done(await replay(passId, { params: { why: "calibration" } }));
    assert.deepEqual([found.template, found.by, found.is_same], [template, "owner", true]);
    const run = await runtime.ended(found.dataset_id);
    assert.deepEqual([run.template, run.source], [template, "replay"]);
    assert.notEqual(found.dataset_id, before.dataset_id);

    const { dataset, data_products: products } = (await ship.get(`/plan/${found.dataset_id}`)).json;
    const { params } = dataset.extra;
    assert.deepEqual(
      [params.why, params.pass.id, params.replay.of, params.replay.id],
      ["calibration", passId, passId, found.id],
    );
    assert.deepEqual([params.replay.at, params.replay.csv], [found.at, found.csv]);
    assert.deepEqual([params.telemetry.path, params.telemetry.sha256], [before.archive.path, before.archive.sha256]);
    assert.equal(products.length, 2);
    const definition = await readFile(params.telemetry.definition_path);
    assert.equal(createHash("sha256").update(definition).digest("hex"), found.definition_sha256);
    assert.deepEqual(JSON.parse(definition.toString()).packets[0].fields[0].calibration, { polynomial: [1000, 1] });
    // Its ledger is that of the archive: the same account, but nothing is known of datagrams.
    const { ledger } = params;
    const { conflicts, missing, out_of_order, stored } = before.ledger;
    assert.deepEqual(
      [ledger.stored, ledger.missing, ledger.conflicts, ledger.out_of_order],
      [stored, missing, conflicts, out_of_order],
    );
    assert.deepEqual([stored, missing, conflicts, out_of_order], [received.length + 1, 1, 1, 1]);

    const csv = await csvOf(`&replay=${found.id}`);
    const voltsOf = ({ text }: Answer) =>
      text
        .split("\r\n")
        .slice(1, -1)
        .map((line) => Number(line.split(",")[6]));
    const powerRows = (answer: Answer) => voltsOf(answer).filter((volts) => volts > 0);
    assert.equal(Math.min(...powerRows(csv)), 1000);
    assert.deepEqual(await csvOf().then(({ text }) => text), oldCsv.text);
    const { replays, ...now } = await passOf(passId);
    const { replays: none, ...was } = before;
    assert.deepEqual([now, none, replays.length], [was, [], 1]);
    const another = await ship.fly(packets(100, 0, 3));
    assert.equal((await ship.get(`/pass/${another}/export?format=csv&replay=${found.id}`)).status, 404);
  });

  it("is made once under an Idempotency-Key, also when asked for twice at once", async () => {
    const headers = { "Idempotency-Key": randomUUID() };
    const answers = await Promise.all([replay(passId, {}, headers), replay(passId, {}, headers)]);
    const ids = new Set(answers.map(({ json }) => json.id));
    assert.equal(ids.size, 1);
    const found = await done(answers[0]);
    await runtime.ended(found.dataset_id);
    const again = await replay(passId, {}, headers);
    assert.deepEqual([again.status, again.json.id, again.json.state], [202, found.id, "done"]);
    const other = await replay(passId, { params: { a: 1 } }, headers);
    assert.deepEqual([other.status, other.json.code], [422, "idempotency_key_reused"]);
    const { sql } = runtime.node.runtime.database;
    assert.equal((await jobsOfSource(sql, "replay", found.id)).length, 1, instantiateType);
  });

  it("of a ship without a definition makes the plan all the same", async () => {
    const bare = await registerLateShip(runtime);
    await runtime.call("PUT", `/ship/${bare.ship}`, { format: "ccsds" });
    const id = await bare.fly(packets(100, 0, 5), template);
    const found = await done(await replay(id));
    assert.deepEqual([found.definition_sha256, found.csv, found.is_same], [null, null, true]);
    await runtime.ended(found.dataset_id);
    const { params } = (await ship.get(`/plan/${found.dataset_id}`)).json.dataset.extra;
    assert.deepEqual([params.telemetry.definition_path, params.replay.csv], [null, null]);
    const missing = await ship.get(`/pass/${id}/export?format=csv&replay=${found.id}`);
    assert.match(missing.json.detail, /nothing in it was defined/);
  });

  it("is refused where there is nothing to replay or nothing to become, with what to do", async () => {
    const refused = (answer: Answer, status: number, message: RegExp) => {
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.json.detail, message);
    };
    refused(await replay(randomUUID()), 404, /There is no pass/);
    const body = { ship: ship.ship, aos: new Date(Date.now() + 3_600_000).toISOString(), duration_s: 60 };
    const { json: planned } = await runtime.call("POST", "/pass", body);
    refused(await replay(planned.id), 409, /it is planned: wait for its end/);
    await runtime.call("PUT", `/pass/${planned.id}/cancel`);
    refused(await replay(planned.id), 409, /has no archive/);
    refused(await replay(passId, { template: "nothing" }), 422, /^template: there is no template "nothing"/);
    refused(await replay(passId, { params: { pass: 1 } }), 422, /^params\.pass: it is given by the replay itself/);
    const token = await runtime.node.tokenOf("reader");
    assert.equal((await runtime.node.request("POST", `/api/pass/${passId}/replay`, { token, body: {} })).status, 403);
    const bare = await ship.fly(packets(100, 0, 3));
    refused(await replay(bare), 422, /has no template: name the one/);
    const { archive } = await passOf(bare);
    await rename(archive.path, `${archive.path}.away`);
    refused(await replay(bare, { template }), 409, /its archive does not lie on this node/);
  });
});
