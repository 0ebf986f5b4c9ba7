/** A node that holds a pass is stopped as by a debugger, and comes back when another one has its pass: what it still does changes nothing. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { buildPacket } from "../src/ground/ccsds.ts";
import { type DatabasePlace, makeDatabasePlace } from "./support/database.ts";
import { freeUdpPort, sendTo } from "./support/ground.ts";
import { type OrreryProcess, startOrrery } from "./support/process.ts";
import { requester, secretKey, services, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const redisUrl = process.env.TEST_REDIS_URL;
/** Several nodes share Postgres and Redis, or there is nothing to take over. */
const skip = !process.env.TEST_DATABASE_URL || redisUrl === undefined;

const packets = (from: number, to: number): Uint8Array[] =>
  Array.from({ length: to - from }, (_, i) =>
    buildPacket({ apid: 7, sequenceCount: from + i, data: new Uint8Array(30) }),
  );

describe("a zombie that held a pass", { skip }, () => {
  let place: DatabasePlace;
  const started: { readonly node: OrreryProcess; readonly dataDir: string }[] = [];
  before(async () => {
    place = await makeDatabasePlace();
  });
  after(async () => {
    for (const { node, dataDir } of started) {
      node.signal("SIGKILL");
      await node.ended;
      await rm(dataDir, { recursive: true, force: true });
    }
    await place.remove();
  });

  async function start(): Promise<{ node: OrreryProcess; request: TestRuntime["request"]; nodeId: string }> {
    const dataDir = await mkdtemp(join(tmpdir(), "orrery-zombie-"));
    const node = startOrrery(["serve", "--port", "0", "--data", dataDir, "--no-example"], {
      cwd: dataDir,
      env: {
        SECRET_KEY: secretKey,
        REMOTE_APIS: JSON.stringify(services),
        DATABASE_URL: place.databaseUrl ?? "",
        REDIS_URL: redisUrl ?? "",
      },
    });
    started.push({ node, dataDir });
    const { url, nodeId } = JSON.parse(await node.line(/"msg":"ready"/));
    return { node, request: requester(url), nodeId };
  }

  it("closes its port as soon as it runs again, and the next holder's ledger is whole", async () => {
    const zombie = await start();
    const login = { service: "publisher", key: "publisher-key" };
    const token = (await zombie.request("POST", "/api/authenticate", { body: login })).json.access_token;
    const ship = `zombie-${Date.now()}`;
    await zombie.request("PUT", `/api/ship/${ship}`, { token, body: { format: "ccsds" } });
    const port = await freeUdpPort();
    const body = { ship, port, aos: new Date(Date.now() + 1_000).toISOString(), duration_s: 300 };
    const { id } = (await zombie.request("POST", "/api/pass", { token, body })).json;
    const stored = async (request: TestRuntime["request"]) =>
      (await request("GET", `/api/pass/${id}`)).json.counters?.stored;
    await until("receiving", async () => (await zombie.request("GET", "/api/stream")).json.count === 1);
    await sendTo(port, packets(0, 100));
    await until("100 packets", async () => (await stored(zombie.request)) === 100);

    zombie.node.signal("SIGSTOP");
    const next = await start();
    const pass = async () => (await next.request("GET", `/api/pass/${id}`)).json;
    // Within two leases of 10 s. Its port is still the stopped process's.
    await until("taken over", async () => (await pass()).node === next.nodeId, 60_000);
    await until("waiting for the port", async () => /EADDRINUSE/.test((await pass()).reason ?? ""));
    await sendTo(port, packets(100, 120)); // into the stopped process's socket
    zombie.node.signal("SIGCONT");
    await until("the port handed on", async () => {
      const { listeners } = (await next.request("GET", "/api/stream")).json;
      return listeners.some((one: { node: string }) => one.node === next.nodeId);
    });
    await sendTo(port, packets(120, 200));
    await until("180 packets", async () => (await stored(next.request)) === 180);

    const { ledger } = await pass();
    assert.deepEqual([ledger.stored, ledger.missing, ledger.outage, ledger.conflicts], [180, 20, 20, 0]);
    assert.equal((await next.request("GET", `/api/ship/${ship}/telemetry/count`)).json.count, 180);
    assert.equal((await pass()).node, next.nodeId);
    await next.request("PUT", `/api/pass/${id}/cancel`, { token });
    await until("archived", async () => (await pass()).archive?.packets === 180);
  });
});
