/** Packets that come after their pass: what they change of the pass, its files and its plan, and what they leave alone. */
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createLateData } from "../src/ground/late-data.ts";
import { productIdOf } from "../src/templates/plan-of.ts";
import { jobsOfProduct, jobsOfSource } from "./support/job-rows.ts";
import { gatedTemplate, type LateShip, packet, packets, registerLateShip } from "./support/late-pass.ts";
import { until } from "./support/signal.ts";
import { openTemplateRuntime, type TemplateRuntime } from "./support/template-runs.ts";

const received = [...packets(100, 0, 10), ...packets(100, 15, 100), ...packets(101, 0, 20), ...packets(101, 23, 50)];
const lost = { power: packets(100, 10, 15), attitude: packets(101, 20, 23) };

/** The rules of docs/ledger.md. */
// biome-ignore lint/suspicious/noExplicitAny: a ledger as the API gives it
function balances(ledger: any): void {
  const rejected = Object.values<number>(ledger.rejected).reduce((sum, count) => sum + count, 0);
  const { idle, duplicates, queue_drops, store_drops, stored, conflicts, missing, outage, late } = ledger;
  assert.equal(ledger.received, idle + rejected + duplicates + queue_drops + store_drops + stored);
  assert.equal(late.received, late.idle + late.rejected + late.duplicates + late.stored);
  for (const apid of ledger.apids) {
    assert.equal(apid.last_count - apid.first_count + 1, apid.stored - apid.conflicts + apid.missing);
    const listed = apid.gaps.reduce((sum: number, gap: { count: number }) => sum + gap.count, 0);
    assert.equal(listed, apid.missing);
  }
  const local = (ledger.kernel_drops ?? 0) + rejected - late.rejected + queue_drops + store_drops;
  assert.equal(ledger.upstream, Math.max(0, missing - outage - local));
  assert.equal(ledger.completeness, (stored - conflicts) / (stored - conflicts + missing));
}

describe("packets that come after their pass", () => {
  let runtime: TemplateRuntime;
  let ship: LateShip;
  const template = `gated-${randomUUID()}`;
  before(async () => {
    runtime = await openTemplateRuntime(null);
    assert.equal((await runtime.store(gatedTemplate(template))).status, 200);
    ship = await registerLateShip(runtime);
  });
  after(() => runtime.node.stop());

  const sql = () => runtime.node.runtime.database.sql;
  const passOf = async (id: string) => (await ship.get(`/pass/${id}`)).json;
  const products = async (datasetId: string) => (await ship.get(`/plan/${datasetId}`)).json.data_products;
  async function attempts(datasetId: string): Promise<Record<string, number>> {
    const tasks = ["power.require", "power", "plot", "attitude.require", "attitude", "free"];
    const counts = tasks.map(async (task) => {
      const jobs = await jobsOfProduct(sql(), { datasetId, productId: productIdOf(datasetId, task) });
      return [task, jobs.reduce((sum, { attempt }) => sum + attempt, 0)] as const;
    });
    return Object.fromEntries(await Promise.all(counts));
  }
  async function settled(datasetId: string, expected: Record<string, string>): Promise<void> {
    let states: Record<string, string> = {};
    await until(JSON.stringify(expected), async () => {
      const rows = await products(datasetId).catch(() => []);
      states = Object.fromEntries((rows ?? []).map((row: { name: string; state: string }) => [row.name, row.state]));
      return Object.entries(expected).every(([name, state]) => states[name] === state);
    }).catch((error: Error) => assert.fail(`${error.message}: ${JSON.stringify(states)}`));
  }
  const renewed = (count: number) =>
    until("the plan is renewed", async () => {
      const jobs = await jobsOfSource(sql(), "late");
      return jobs.filter(({ state }) => state === "succeeded").length === count;
    });

  it("fill its gaps, make its files anew, and run again exactly what waits for their APIDs", async () => {
    const passId = await ship.fly(received, template);
    const before = await passOf(passId);
    const runId = before.dataset_id;
    await settled(runId, {
      "power: require": "failed",
      power: "waiting",
      plot: "waiting",
      "attitude: require": "failed",
      free: "success",
    });
    const once = { "power.require": 1, power: 0, plot: 0, "attitude.require": 1, attitude: 0, free: 1 };
    assert.deepEqual(await attempts(runId), once);
    const gate = productIdOf(runId, "power.require");
    const why = (await ship.get(`/data_product/${runId}/${gate}/explain`)).json;
    assert.match(
      why.summary,
      /completeness 0\.9500 of APID 100 is below 0\.999: 5 missing \(of the whole pass 8: 8 upstream\); it runs again when late data comes in/,
    );
    const waits = (await ship.get(`/data_product/${runId}/${productIdOf(runId, "power")}/explain`)).json;
    assert.match(waits.summary, /power waits for power: require \(failed\)/);
    const old = await ship.get(`/pass/${passId}/export?format=csv`);

    const { status, json: added, text } = await ship.add(passId, [...lost.power, packet(100, 3)]);
    assert.equal(status, 200, text);
    assert.deepEqual([added.received, added.stored, added.duplicates, added.out_of_order], [6, 5, 1, 5]);
    assert.deepEqual([added.apids, added.renews], [[{ apid: 100, stored: 5 }], runId]);
    await settled(runId, {
      "power: require": "success",
      power: "success",
      plot: "success",
      "attitude: require": "failed",
      free: "success",
    });
    await renewed(1);
    assert.deepEqual(await attempts(runId), { ...once, "power.require": 2, power: 1, plot: 1 });

    const met = (await products(runId)).find(({ id }: { id: string }) => id === gate);
    const apids = [{ apid: 100, completeness: 1, missing: 0, stored: 100 }];
    assert.deepEqual(met.passback, { completeness: 1, missing: 0, required: 0.999, apids });

    const now = await passOf(passId);
    balances(now.ledger);
    assert.deepEqual([now.ledger.missing, now.ledger.upstream, now.ledger.out_of_order], [3, 3, 5]);
    const { last_at, ...late } = now.ledger.late;
    assert.deepEqual(late, {
      received: 6,
      stored: 5,
      duplicates: 1,
      conflicts: 0,
      rejected: 0,
      idle: 0,
      bytes: 72,
      uploads: 1,
    });
    assert.ok(last_at > before.ledger_date);
    assert.equal(now.ledger.datagrams, before.ledger.datagrams);
    assert.deepEqual(now.counters.missing, 3);

    // The files are those of the row, whole, with the late packets behind the others.
    const archive = await readFile(now.archive.path);
    assert.deepEqual(archive, Buffer.concat([...received, ...lost.power]));
    assert.equal(createHash("sha256").update(archive).digest("hex"), now.archive.sha256);
    assert.equal(now.archive.packets, received.length + 5);
    const csv = await ship.get(`/pass/${passId}/export?format=csv`);
    assert.equal(csv.text.trim().split("\r\n").length, 1 + received.length + 5);
    assert.notEqual(csv.headers.get("etag"), old.headers.get("etag"));
    const volts = await ship.get(
      `/ship/${ship.ship}/parameter/volts/history?start=2020-01-01T00:00:00Z&end=2999-01-01T00:00:00Z`,
    );
    assert.equal(
      volts.json.rows.reduce((sum: number, { n }: { n: number }) => sum + n, 0),
      100,
    );

    // Every product has the new inputs, also the one that did not run again.
    const plan = (await ship.get(`/plan/${runId}`)).json;
    assert.deepEqual(plan.dataset.extra.params.ledger.late.stored, 5);
    for (const { name, passthrough } of plan.data_products) {
      assert.equal(passthrough.params.telemetry.sha256, now.archive.sha256, name);
      assert.equal(passthrough.params.telemetry.packets, received.length + 5, name);
      assert.equal(passthrough.params.ledger.missing, 3, name);
      if (name === "free") assert.equal(passthrough.file, now.archive.path);
    }

    // The same again changes nothing: not the row, not the plan.
    const again = await ship.add(passId, [...lost.power, packet(100, 3)]);
    assert.deepEqual([again.json.stored, again.json.duplicates, again.json.renews], [0, 6, null]);
    assert.deepEqual(await passOf(passId), now);

    // The other APID's packets run the other task only.
    await ship.add(passId, lost.attitude);
    await settled(runId, { "attitude: require": "success", attitude: "success" });
    await renewed(2);
    assert.deepEqual(await attempts(runId), {
      "power.require": 2,
      power: 1,
      plot: 1,
      "attitude.require": 2,
      attitude: 1,
      free: 1,
    });
    const whole = await passOf(passId);
    balances(whole.ledger);
    assert.deepEqual([whole.ledger.completeness, whole.ledger.late.uploads], [1, 2]);

    // What was before the last addition stays for whoever reads it; what was before that is gone.
    const names = (await readdir(dirname(whole.archive.path))).filter((name) => name.startsWith(passId));
    const generations = new Set(
      names.map((name) => name.replace(/^[0-9a-f-]{36}/, "").replace(/\.(ccsds|csv|parquet|history|sha256).*$/, "")),
    );
    assert.equal(generations.size, 2, names.join(" "));
    assert.ok(names.includes(now.archive.path.split("/").at(-1)) && !names.includes(`${passId}.ccsds`));
    for (const line of (await readFile(`${whole.archive.path.slice(0, -6)}.sha256`, "utf8")).trim().split("\n")) {
      const [sha, name = ""] = line.split("  ");
      const bytes = await readFile(join(dirname(whole.archive.path), name));
      assert.equal(createHash("sha256").update(bytes).digest("hex"), sha, name);
    }
  });

  it("are judged as those of the pass: conflicts flagged, what is wrong rejected by its reason, idle counted", async () => {
    const passId = await ship.fly(packets(100, 0, 50));
    const bad = packet(100, 60);
    bad[8] = 0xff;
    const idle = new Uint8Array([0x07, 0xff, 0xc0, 0, 0, 0, 0]);
    const sent = [packet(100, 7, 1), bad, idle, packet(102, 5), packet(100, 51), packet(100, 49).subarray(0, 9)];
    const { json: added } = await ship.add(passId, sent);
    assert.deepEqual(added.rejected, { bad_crc: 1, bad_length: 1 });
    assert.deepEqual([added.received, added.stored, added.conflicts, added.idle], [6, 3, 1, 1]);
    const { ledger } = await passOf(passId);
    balances(ledger);
    // A recording's own faults are not the pass's losses: what is missing is upstream's all the same.
    assert.deepEqual([ledger.missing, ledger.upstream, ledger.late.rejected], [1, 1, 2]);
    const { text } = await ship.get(`/pass/${passId}/export?format=csv`);
    assert.equal(text.split("\r\n").filter((line) => line.includes(",true,")).length, 1);
    const again = await ship.add(passId, sent);
    assert.deepEqual([again.json.stored, (await passOf(passId)).ledger], [0, ledger]);
  });

  it("that come twice at once are added once, and different ones one after the other", async () => {
    const passId = await ship.fly([...packets(100, 0, 10), ...packets(100, 30, 40)]);
    const parts = [packets(100, 10, 20), packets(100, 15, 25), packets(100, 20, 30), packets(100, 10, 20)];
    const answers = await Promise.all(parts.map((part) => ship.add(passId, part)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200],
    );
    assert.equal(
      answers.reduce((sum, { json }) => sum + json.stored, 0),
      20,
    );
    const { ledger, archive } = await passOf(passId);
    balances(ledger);
    assert.deepEqual([ledger.missing, ledger.stored, archive.packets], [0, 40, 40]);
  });

  it("that come to several nodes at once are all added: whoever is later begins anew on what the other has stored", async () => {
    const passId = await ship.fly([...packets(100, 0, 5), ...packets(100, 65, 70)]);
    const { database, clock, log } = runtime.node.runtime;
    const nodes = Array.from({ length: 3 }, () =>
      createLateData({ sql: database.sql, clock, log, packetSizeMax: 65_542 }),
    );
    const parts = nodes.map((_, i) => new Uint8Array(Buffer.concat(packets(100, 5 + i * 20, 25 + i * 20))));
    const added = await Promise.all(nodes.map((late, i) => late.add(passId, parts[i] ?? new Uint8Array())));
    assert.deepEqual(
      added.map(({ turn }) => turn.toStore),
      [20, 20, 20],
    );
    const { ledger, archive } = await passOf(passId);
    balances(ledger);
    assert.deepEqual([ledger.missing, ledger.late.uploads, archive.packets], [0, 3, 70]);
    const bytes = await readFile(archive.path);
    assert.equal(createHash("sha256").update(bytes).digest("hex"), archive.sha256);
    const left = (await readdir(dirname(archive.path))).filter(
      (name) => name.startsWith(passId) && /\.ccsds$/.test(name),
    );
    assert.equal(left.length, 2);
  });

  it("are what a gate looks at in any run that names the pass, and a run that names none is refused", async () => {
    const hand = `hand-${randomUUID()}`;
    const text = `id: ${hand}\nparams: { pass: {} }\ntasks:\n  - { id: whole, command: [cat], require: { completeness: 1 } }\n  - { id: other, command: [cat], require: { completeness: 0.5, apids: [100, 300] } }\n`;
    assert.equal((await runtime.store(text)).status, 200);
    const shown = (await runtime.call("GET", `/template/${hand}`)).json;
    assert.deepEqual(
      shown.tasks.map(({ id, kind, require }: { id: string; kind: string; require: unknown }) => [id, kind, require]),
      [
        ["whole.require", "require", { completeness: 1 }],
        ["whole", "command", undefined],
        ["other.require", "require", { completeness: 0.5, apids: [100, 300] }],
        ["other", "command", undefined],
      ],
    );
    const none = await runtime.call("POST", `/template/${hand}/trigger`, { params: {} });
    assert.deepEqual([none.status, none.json.field], [422, "params.pass"]);
    const backfill = await runtime.call("POST", "/backfill", { template: hand, params: [{}], concurrency: 1 });
    assert.deepEqual([backfill.status, backfill.json.field], [422, "params.0.pass"]);

    const why = async (runId: string, task: string) => {
      await settled(runId, { [`${task}: require`]: "failed" });
      return (await ship.get(`/data_product/${runId}/${productIdOf(runId, `${task}.require`)}/explain`)).json.summary;
    };
    const passId = await ship.fly([...packets(100, 0, 3), ...packets(100, 4, 10)]);
    const runId = await runtime.trigger(hand, { pass: { id: passId } });
    assert.match(await why(runId, "whole"), /completeness 0\.9000 of the pass is below 1: 1 missing \(1 upstream\)/);
    assert.match(await why(runId, "other"), /completeness 0\.0000 of APID 300 is below 0\.5: no packet of it came/);
    const lostPass = await runtime.trigger(hand, { pass: { id: randomUUID() } });
    assert.match(await why(lostPass, "whole"), /there is no ledger of pass .*: it received nothing/);
    // It is not the plan of the pass: late data leaves it alone, and it is begun anew like any other.
    await ship.add(passId, packets(100, 3, 4));
    await runtime.call("POST", `/plan/${runId}/retry-failed`);
    await settled(runId, { whole: "success", "other: require": "failed" });
  });

  it("leave a paused plan paused, a disabled gate disabled and a cancelled run as it is", async () => {
    const passId = await ship.fly(received, template);
    const runId = (await passOf(passId)).dataset_id;
    await settled(runId, { "power: require": "failed", "attitude: require": "failed", free: "success" });
    await runtime.call("PUT", `/plan/${runId}/pause`);
    await runtime.call("DELETE", `/data_product/${runId}`, [productIdOf(runId, "attitude.require")]);
    const jobs = (await jobsOfSource(sql(), "late")).length;
    await ship.add(passId, [...lost.power.slice(0, 2), ...lost.attitude]);
    await renewed(jobs + 1);
    await settled(runId, { "power: require": "waiting", "attitude: require": "disabled" });
    assert.equal((await ship.get(`/plan/${runId}`)).json.dataset.paused, true);

    const slow = `slow-${randomUUID()}`;
    const text = `id: ${slow}\ntasks:\n  - { id: power, command: [cat], require: { completeness: 1 } }\n  - { id: slow, wait: 1h }\n`;
    assert.equal((await runtime.store(text)).status, 200);
    const otherId = await ship.fly(received, slow);
    const other = (await passOf(otherId)).dataset_id;
    await settled(other, { "power: require": "failed", power: "waiting" });
    await runtime.call("PUT", `/run/${other}/cancel`);
    const cancelled = await products(other);
    await ship.add(otherId, lost.power);
    await renewed(jobs + 2);
    assert.deepEqual(await products(other), cancelled);
  });

  it("are refused where they cannot be added, with what to do", async () => {
    const { call, node } = runtime;
    const refused = async (passId: string, status: number, message: RegExp, sent = packets(100, 0, 1)) => {
      const answer = await ship.add(passId, sent);
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.json.detail, message);
    };
    await refused(randomUUID(), 404, /There is no pass/);
    const body = { ship: ship.ship, aos: new Date(Date.now() + 3_600_000).toISOString(), duration_s: 60 };
    const { json: planned } = await call("POST", "/pass", body);
    await refused(planned.id, 409, /it is planned: send them to its port \d+ while it receives/);
    await call("PUT", `/pass/${planned.id}/cancel`);
    await refused(planned.id, 409, /it is cancelled and has no archive/);

    const passId = await ship.fly(packets(100, 0, 5));
    await refused(passId, 400, /The body is empty/, []);
    await refused(passId, 413, /larger than 16777216 bytes/, [new Uint8Array(16 * 1024 * 1024 + 1)]).catch((error) => {
      if (error.cause?.code !== "EPIPE" && error.cause?.code !== "ECONNRESET") throw error; // the server hung up first
    });
    const text = await node.request("POST", `/api/pass/${passId}/packet`, {
      token: await node.tokenOf("publisher"),
      body: {},
    });
    assert.equal(text.status, 415);
    assert.equal((await ship.add(passId, packets(100, 0, 1), await node.tokenOf("reader"))).status, 403);

    const records = `records-${randomUUID()}`;
    await call("PUT", `/ship/${records}`, { format: "raw" });
    await sql()`update pass set ship = ${records}, archive = replace(archive, '"ccsds"', '"raw"') where pass_id = ${passId}::uuid`;
    await refused(passId, 409, /sends raw: without sequence counts nothing tells what is missing/);
    await sql()`update pass set archive = replace(replace(archive, '"raw"', '"ccsds"'), '.ccsds', '.gone') where pass_id = ${passId}::uuid`;
    await refused(
      passId,
      409,
      /its archive cannot be read on this node .*send them to the node that received the pass/,
    );
  });
});
