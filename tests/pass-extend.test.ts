/** A pass is made longer: before it begins and in its middle, where its holder hears of it and goes on receiving. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { buildPacket } from "../src/ground/ccsds.ts";
import { sendTo } from "./support/ground.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const at = (inS: number): string => new Date(Date.now() + inS * 1000).toISOString();
const ship = `extended-${randomUUID()}`;

describe("a pass that is extended", () => {
  let node: TestRuntime;
  let token = "";
  before(async () => {
    node = await openTestRuntime();
    token = await node.tokenOf("publisher");
    for (const name of [ship, "other"])
      await node.request("PUT", `/api/ship/${name}`, { token, body: { format: "ccsds" } });
  });
  after(() => node.stop());

  const plan = async (body: object) =>
    (await node.request("POST", "/api/pass", { token, body: { ship, aos: at(3600), duration_s: 600, ...body } })).json;
  const extend = (id: string, body: unknown, query = "") =>
    node.request("PUT", `/api/pass/${id}/extend${query}`, { token, body });
  const get = async (id: string) => (await node.request("GET", `/api/pass/${id}`)).json;

  it("in its middle receives until its new LOS", async () => {
    const pass = await plan({ aos: at(1), duration_s: 10, prepass_margin_s: 0.9, drain_margin_s: 1 });
    await until("receiving", async () => (await get(pass.id)).state === "receiving");
    const extended = await extend(pass.id, { by_s: 4 });
    assert.equal(extended.status, 200, extended.text);
    assert.equal(Date.parse(extended.json.los) - Date.parse(pass.los), 4_000);
    await until("its old LOS and margin are over", () => Date.now() > Date.parse(pass.los) + 1_500);
    assert.equal((await get(pass.id)).state, "receiving");
    await sendTo(pass.port, [buildPacket({ apid: 7, sequenceCount: 0, data: new Uint8Array(8) })]);
    await until("completed", async () => (await get(pass.id)).state === "completed");
    const done = await get(pass.id);
    assert.deepEqual([done.los, done.ledger.stored], [extended.json.los, 1]);
    const late = await extend(pass.id, { by_s: 60 });
    assert.deepEqual([late.status, late.json.state], [409, "completed"]);
  });

  it("is refused where another is in its way, or cancels it by its priority", async () => {
    const pass = await plan({ priority: 5, aos: at(3600) });
    const low = await plan({ ship: "other", port: pass.port, priority: 1, aos: at(4300) });
    assert.equal(low.state, "planned");
    const refused = await extend(pass.id, { los: at(4400) });
    assert.deepEqual([refused.status, refused.json.pass_ids], [409, [low.id]]);
    assert.match(refused.json.detail, /^Cannot extend the pass as port/);
    assert.equal((await get(pass.id)).los, pass.los);
    const won = await extend(pass.id, { los: at(4400) }, "?on_conflict=priority");
    assert.deepEqual([won.status, won.json.cancelled[0].id, won.json.conflicts.length], [200, low.id, 1]);
    assert.match((await get(low.id)).reason, new RegExp(`cancelled for pass ${pass.id} of priority 5`));
    const high = await plan({ ship: "other", port: pass.port, priority: 5, aos: at(4600) });
    assert.equal((await extend(pass.id, { los: at(4700) }, "?on_conflict=priority")).status, 409);
    assert.equal((await get(high.id)).state, "planned");
    // The port is its own for longer now.
    const next = { ship: "other", port: pass.port, aos: at(4390), duration_s: 5 };
    assert.equal((await node.request("POST", "/api/pass", { token, body: next })).status, 409);
  });

  it("is refused with what is wrong", async () => {
    const pass = await plan({ aos: at(20_000) });
    for (const [id, body, query, status, field] of [
      [pass.id, {}, "", 400, "los"],
      [pass.id, { los: at(30_000), by_s: 1 }, "", 400, "los"],
      [pass.id, { by_s: -1 }, "", 400, "by_s"],
      [pass.id, { los: pass.los }, "", 422, "los"],
      [pass.id, { by_s: 31 * 86_400 }, "", 422, "by_s"],
      [pass.id, { by_s: 1 }, "?on_conflict=trim", 400, "on_conflict"],
      [randomUUID(), { by_s: 1 }, "", 404, undefined],
    ] as const) {
      const answer = await extend(id, body, query);
      assert.deepEqual([answer.status, answer.json.field], [status, field], answer.text);
    }
    await node.request("PUT", `/api/pass/${pass.id}/cancel`, { token });
    const ended = await extend(pass.id, { by_s: 1 });
    assert.deepEqual([ended.status, ended.json.state], [409, "cancelled"]);
    const reader = await node.tokenOf("reader");
    const body = { by_s: 1 };
    assert.equal((await node.request("PUT", `/api/pass/${pass.id}/extend`, { token: reader, body })).status, 403);
  });
});
