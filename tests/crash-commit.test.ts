/**
 * A change whose commit got no answer, on a real server behind a network that loses it: the node dies with it, or lives on.
 * Whatever happens, the change is there once or not at all, and once when the client sends it again under its key.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import gl from "../bench/k6/gl.json" with { type: "json" };
import { type DatasetId, newUuid } from "../src/model/ids.ts";
import { openDatabase } from "../src/store/open.ts";
import type { Database } from "../src/store/sql.ts";
import { assertAccounted } from "./crash/account.ts";
import { clientNames, Fleet } from "./crash/fleet.ts";
import { Load } from "./crash/load.ts";
import { type DatabasePlace, makeDatabasePlace, quietLog } from "./support/database.ts";
import { type Answer, requester } from "./support/runtime.ts";
import { until } from "./support/signal.ts";
import { openTcpProxy, type TcpProxy } from "./support/tcp-proxy.ts";

const skip = process.env.TEST_DATABASE_URL ? false : "TEST_DATABASE_URL is not set: faults of a server need a server";
const [service = ""] = clientNames;
const [product = { id: "" }] = gl.data_products;

describe("a commit without an answer", { skip }, () => {
  let place: DatabasePlace;
  let direct: Database;
  let proxy: TcpProxy;
  let fleet: Fleet;
  before(async () => {
    place = await makeDatabasePlace();
    direct = await openDatabase({ ...place, maxConnections: 2 }, quietLog);
  });
  after(async () => {
    await direct?.close();
    await place?.remove();
  });
  beforeEach(async () => {
    proxy = await openTcpProxy(place.databaseUrl ?? "");
    fleet = new Fleet(2, place);
  });
  afterEach(async () => {
    await fleet.killAll();
    await proxy.close();
  });

  const turns = async (datasetId: DatasetId): Promise<number> =>
    (await direct.sql`select 1 from event where dataset_id = ${datasetId}::uuid`).length;

  /** A report of success under a key and with a link of its own, which the statement that commits it carries. */
  function report(datasetId: DatasetId) {
    const key = newUuid();
    const link = `https://runs.example/${newUuid()}`;
    const send = async (url = ""): Promise<Answer> => {
      const body = [{ id: product.id, state: "success", link }];
      const headers = { "Idempotency-Key": key };
      const token = await logIn(url);
      return await requester(url)("PUT", `/api/data_product/${datasetId}/update`, { token, body, headers });
    };
    return { link, send };
  }

  /** Sent again under its key, three times: one event, one answer, and the report is in it. */
  async function assertOnceAfterAll(datasetId: DatasetId, { link, send }: ReturnType<typeof report>, url = "") {
    const answers = await Promise.all([send(url), send(url)]);
    answers.push(await send(url));
    for (const { status, text } of answers) assert.equal(status, 200, text);
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
    assert(answers[0]?.text.includes(link));
    assert.equal(await turns(datasetId), 2);
    const { json } = await requester(url)("GET", `/api/plan/${datasetId}`);
    assert.equal(json.data_products.find((row: { id: string }) => row.id === product.id).link, link);
  }

  for (const when of ["as soon as it was sent", "when it was stored"] as const) {
    it(`is there once or not at all when the node dies ${when}`, { timeout: 60_000 }, async () => {
      for (let round = 0; round < 4; round++) {
        await fleet.start(0, proxy.url);
        const datasetId = await publish(fleet.urls[0]);
        const change = report(datasetId);
        const swallowed = proxy.swallowAnswerTo(change.link);
        const answer = change.send(fleet.urls[0]).catch(() => null);
        await swallowed;
        if (when === "when it was stored") await until("it is stored", async () => (await turns(datasetId)) === 2);
        await fleet.kill(0);
        assert.equal(await answer, null, "nobody may have been told");
        const applied = (await turns(datasetId)) - 1;
        assert(applied === 0 || applied === 1, `applied ${applied} times`);
        await fleet.start(0);
        await assertOnceAfterAll(datasetId, change, fleet.urls[0]);
        await fleet.kill(0);
      }
    });
  }

  it("is there once when it comes through after its node died, and was sent again meanwhile", {
    timeout: 60_000,
  }, async () => {
    await fleet.start(0, proxy.url);
    await fleet.start(1);
    const [dying, other] = fleet.urls;
    const datasetId = await publish(dying);
    const change = report(datasetId);
    const waiting = async (): Promise<number> =>
      (await direct.sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)
        .length;
    const again = await direct.sql.begin(async (tx) => {
      await tx`select 1 from dataset_head where dataset_id = ${datasetId}::uuid for update`;
      const answer = change.send(dying).catch(() => null);
      await until("its commit waits for the row", async () => (await waiting()) === 1);
      await fleet.kill(0);
      assert.equal(await answer, null);
      // In an array, as a transaction would wait for a promise that it returns.
      const sent = [change.send(other)];
      await until("the second commit waits behind the ghost", async () => (await waiting()) === 2);
      return sent;
    });
    for (const { status, text } of await Promise.all(again)) assert.equal(status, 200, text);
    await assertOnceAfterAll(datasetId, change, other);
  });

  it("is found out by the node itself when only the answer is lost", { timeout: 60_000 }, async () => {
    await fleet.start(0, proxy.url);
    const [url] = fleet.urls;
    const datasetId = await publish(url);
    const change = report(datasetId);
    const swallowed = proxy.swallowAnswerTo(change.link);
    const answer = change.send(url);
    await swallowed;
    const { status, headers, text } = await answer;
    assert.deepEqual([status, headers.get("etag")?.includes('"2"')], [200, true], text);
    await assertOnceAfterAll(datasetId, change, url);
  });
});

describe("a node whose connections break under load", { skip }, () => {
  /** Runs clients on one node behind a proxy while `harm` is done; the node must go on by itself. */
  async function bear(harm: (load: Load, proxy: TcpProxy, direct: Database) => Promise<void>): Promise<Load> {
    const place = await makeDatabasePlace();
    const direct = await openDatabase({ ...place, maxConnections: 1 }, quietLog);
    const proxy = await openTcpProxy(place.databaseUrl ?? "");
    const fleet = new Fleet(1, place);
    try {
      await fleet.start(0, proxy.url);
      const load = new Load(fleet, 1);
      await load.acknowledge(50);
      await harm(load, proxy, direct);
      await load.acknowledge(50);
      await load.stop();
      await assertAccounted(direct.sql, load.ledger, await load.plans());
      return load;
    } finally {
      await fleet.killAll();
      await proxy.close();
      await direct.close();
      await place.remove();
    }
  }

  it("keeps what it acknowledged, once, while every connection is killed again and again", {
    timeout: 120_000,
  }, async () => {
    const { met } = await bear(async (load, _, direct) => {
      for (let round = 0; round < 20; round++) {
        await direct.sql`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid()`;
        await load.acknowledge(20, 30_000);
      }
    });
    assert(met.refused > 0, "no request met it");
  });

  it("answers everyone in time when every connection goes silent, and goes on on new ones", {
    timeout: 120_000,
  }, async () => {
    const { slowestMs } = await bear(async (load, proxy) => {
      for (let round = 0; round < 2; round++) {
        proxy.freeze();
        await load.acknowledge(50, 30_000);
      }
    });
    // Nobody waits for longer than a client bears, or it would have said so.
    assert(slowestMs > 5000, "no request met it");
  });
});

describe("two nodes, one dataset", { skip }, () => {
  it("apply each of 2,000 concurrent updates once", { timeout: 120_000 }, async () => {
    const place = await makeDatabasePlace();
    const fleet = new Fleet(2, place);
    try {
      await Promise.all([fleet.start(0), fleet.start(1)]);
      const datasetId = await publish(fleet.urls[0]);
      const token = await logIn(fleet.urls[0]);
      const revisions = await Promise.all(
        Array.from({ length: 2000 }, async (_, i) => {
          const body = [{ id: gl.data_products[i % 11]?.id, state: "running", run_id: newUuid() }];
          const request = requester(fleet.urls[i % 2] ?? "");
          const { status, headers, text } = await request("PUT", `/api/data_product/${datasetId}/update`, {
            token,
            body,
          });
          assert.equal(status, 200, text);
          return Number(/\d+/.exec(headers.get("etag") ?? "")?.[0]);
        }),
      );
      revisions.sort((a, b) => a - b);
      assert.deepEqual(
        revisions,
        revisions.map((_, i) => i + 2),
      );
    } finally {
      await fleet.killAll();
      await place.remove();
    }
  });
});

async function logIn(url = ""): Promise<string> {
  const { text, json } = await requester(url)("POST", "/api/authenticate", { body: { service, key: "admin-key" } });
  return json?.access_token ?? assert.fail(text);
}

async function publish(url = ""): Promise<DatasetId> {
  const datasetId = newUuid();
  const body = { ...gl, dataset: { id: datasetId } };
  const { status, text } = await requester(url)("POST", "/api/plan", { token: await logIn(url), body });
  assert.equal(status, 200, text);
  return datasetId;
}
