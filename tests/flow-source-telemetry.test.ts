/** Flows that read passes: each packet reaches the sink once, from the pass under way or from its archive. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, it } from "node:test";
import { buildPacket } from "../src/ground/ccsds.ts";
import { open, type Runtime } from "../src/runtime.ts";
import { type FlowFolder, makeFlowFolder } from "./support/flow-folder.ts";
import { beginPass, type FlownPass } from "./support/flown-pass.ts";
import { sendTo } from "./support/ground.ts";
import { done } from "./support/http.ts";
import { openTestRuntime, requester, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const definition = {
  packets: [
    {
      name: "power",
      apid: 100,
      time: "clock",
      fields: [
        { name: "clock", type: "cuc", coarse_bytes: 4, fine_bytes: 0, epoch: "unix" },
        { name: "volts", type: "u16", calibration: { polynomial: [0, 0.25] } },
        { name: "total", type: "u64" },
      ],
    },
  ],
};

function packet(count: number, apid = 100): Uint8Array {
  const data = new Uint8Array(14);
  const view = new DataView(data.buffer);
  view.setUint32(0, 1_700_000_000 + count);
  view.setUint16(4, count);
  view.setBigUint64(6, 9_007_199_254_740_993n);
  return buildPacket({ apid, sequenceCount: count, data });
}
const packets = (from: number, to: number, apid = 100) =>
  Array.from({ length: to - from }, (_, i) => packet(from + i, apid));

let flows: FlowFolder;
let ship: string;
let node: TestRuntime | null = null;
let now: Runtime | null = null;
beforeEach(async () => {
  flows = await makeFlowFolder();
  ship = `ship-${randomUUID()}`;
});
afterEach(async () => {
  await now?.stop();
  await node?.stop();
  [node, now] = [null, null];
  await flows.remove();
});

async function start(body: object = { format: "ccsds", packets: definition }): Promise<TestRuntime> {
  node = await openTestRuntime({ config: { flowsDir: flows.dir } });
  done(await node.request("PUT", `/api/ship/${ship}`, { token: await node.tokenOf("publisher"), body }));
  return node;
}

/** The node, started again at the same address, with its flows or without. */
async function again(api: TestRuntime, flowsDir: string | null): Promise<void> {
  await (now ?? api.runtime).stop();
  now = await open({ ...api.config, port: Number(new URL(api.url).port), flowsDir });
}

const reaches = (flow: string, count: number) =>
  until(`${count} packets in ${flow}`, async () => (await flows.rows(flow)).length >= count);

async function fly(api: TestRuntime, sent: readonly Uint8Array[], seconds = 2): Promise<FlownPass> {
  const pass = await beginPass(api, ship, seconds);
  await pass.send(sent);
  await pass.completed();
  return pass;
}

/** Each pass's packets by their places: none twice, none missing. */
async function assertWhole(flow: string, expected: Readonly<Record<string, readonly number[]>>): Promise<void> {
  const rows = await flows.rows(flow);
  const seen = new Map(Object.keys(expected).map((passId): [string, number[]] => [passId, []]));
  for (const { key, payload } of rows) {
    const sequences = seen.get(payload.pass_id);
    assert.equal(key, `${flow}:${payload.pass_id}:${sequences?.length}:0.0`);
    sequences?.push(payload.sequence);
  }
  assert.deepEqual(Object.fromEntries(seen), expected);
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe("a flow that reads telemetry", () => {
  it("hands on packets while their pass receives, and the rest from its archive", async () => {
    await flows.add("tm", `{ kind: telemetry, ship: ${ship} }`);
    const api = await start();
    const pass = await beginPass(api, ship, 9);
    await pass.send(packets(0, 300));
    await reaches("tm", 300);
    const { state } = (await api.request("GET", `/api/pass/${pass.id}`)).json;
    assert.equal(state, "receiving");
    const { partitions } = (await api.request("GET", "/api/flow/tm")).json;
    assert.deepEqual([partitions[0].name, partitions[0].state, partitions[0].waiting], [pass.id, "live", 0]);
    await pass.send([...packets(300, 500), ...packets(500, 501, 7)]);
    await pass.completed();
    await reaches("tm", 501);
    await assertWhole("tm", { [pass.id]: range(0, 501) });
    const rows = (await flows.rows("tm")).map(({ payload }) => payload);
    const { received_at, ...told } = rows[3];
    assert.match(received_at, /^20\d\d-.*\+00:00$/);
    assert.deepEqual(told, {
      ...{ ship, pass_id: pass.id, apid: 100, sequence: 3, time: "2023-11-14T22:13:23.000000+00:00", packet: "power" },
      values: { clock: "2023-11-14T22:13:23.000000+00:00", volts: 0.75, total: "9007199254740993" },
    });
    const { received_at: at, ...other } = rows[500];
    assert.deepEqual(other, {
      ...{ ship, pass_id: pass.id, apid: 7, sequence: 500, time: at, packet: null },
      data: packet(500, 7).toHex(),
    });
    // It is done with for good.
    await until("it is given up", async () => (await api.request("GET", "/api/flow/tm")).json.partitions.length === 0);
    const left = () => api.runtime.database.sql<{ node: string | null; at: number }>`
      select node, next_offset as at from flow_partition where partition = ${pass.id}`;
    await until("no node holds it", async () => (await left())[0]?.node === null);
    assert.equal((await left())[0]?.at, Number.MAX_SAFE_INTEGER);
  });

  it("hands on passes that ended while it did not run: since its first start, or the earliest", async () => {
    const api = await start({ format: "ccsds" });
    const before = await fly(api, packets(0, 600));
    await flows.add("news", `{ kind: telemetry, ship: [${ship}, none] }`);
    await flows.add("every", `{ kind: telemetry, ship: ${ship}, from: earliest }`);
    await flows.add("some", `{ kind: telemetry, ship: ${ship}, from: earliest, apids: [7] }`);
    await again(api, flows.dir);
    await reaches("every", 600);
    await again(api, null);
    const missed = await fly(api, [...packets(0, 20), ...packets(20, 30, 7)]);
    await again(api, flows.dir);
    await reaches("every", 630);
    await reaches("news", 30);
    await reaches("some", 10);
    await assertWhole("every", { [before.id]: range(0, 600), [missed.id]: range(0, 30) });
    await assertWhole("news", { [missed.id]: range(0, 30) });
    const some = await flows.rows("some");
    assert.deepEqual(
      some.map(({ key, payload }) => [key, payload.apid]),
      range(20, 30).map((place) => [`some:${missed.id}:${place}:0.0`, 7]),
    );
    assert.equal(some[0]?.payload.data, packet(20, 7).toHex());
  });

  it("hands on what a cancelled pass received, and reads nothing while it is paused", async () => {
    await flows.add("tm", `{ kind: telemetry, ship: ${ship} }`, "window: 100");
    const api = await start();
    const [publisher, operator] = [await api.tokenOf("publisher"), await api.tokenOf("operator")];
    done(await api.request("PUT", "/api/flow/tm/pause", { token: operator }));
    const pass = await beginPass(api, ship, 60);
    await pass.send(packets(0, 400));
    done(await api.request("PUT", `/api/pass/${pass.id}/cancel`, { token: publisher }));
    const shown = async () => (await api.request("GET", "/api/flow/tm")).json.partitions[0];
    await until("all wait", async () => (await shown())?.waiting === 400);
    assert.equal((await shown()).taken, 0);
    done(await api.request("PUT", "/api/flow/tm/resume", { token: operator }));
    await reaches("tm", 400);
    await assertWhole("tm", { [pass.id]: range(0, 400) });
  });

  it("takes the packets of a ship that sends no CCSDS", async () => {
    await flows.add("tm", `{ kind: telemetry, ship: ${ship} }`);
    const api = await start({ format: "json" });
    const pass = await fly(api, [new TextEncoder().encode('{"a":1}\n')]);
    await reaches("tm", 1);
    const [row] = await flows.rows("tm");
    const { received_at, time, data, ...told } = row?.payload ?? {};
    assert.deepEqual(told, { ship, pass_id: pass.id, apid: null, sequence: null, packet: null });
    assert.equal(time, received_at);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(Uint8Array.fromHex(data))), { a: 1 });
  });
});

describe("a flow that reads telemetry on two nodes", () => {
  const skip = process.env.TEST_DATABASE_URL ? false : "TEST_DATABASE_URL is not set: the embedded store has one node";

  it("hands on each packet by one of them, and by the other when that one stops", { skip }, async () => {
    await flows.add("tm", `{ kind: telemetry, ship: ${ship} }`);
    const api = await start();
    const second = await open({ ...api.config, port: 0 });
    now = second;
    const isRead = ({ flows }: Runtime) => flows.find("tm")?.state.partitions.length === 1;
    const pass = await beginPass(api, ship, 60);
    await pass.send(packets(0, 200));
    await reaches("tm", 200);
    assert.equal([api.runtime, second].filter(isRead).length, 1);
    await api.runtime.stop(); // which receives the pass
    const request = requester(second.url ?? "");
    const isListening = async () =>
      (await request("GET", "/api/stream")).json.listeners.some((one: { node: string }) => one.node === second.nodeId);
    await until("the other node receives", isListening);
    const { port } = (await request("GET", `/api/pass/${pass.id}`)).json;
    await sendTo(port, packets(200, 300));
    await reaches("tm", 300);
    done(await request("PUT", `/api/pass/${pass.id}/cancel`, { token: await api.tokenOf("publisher") }));
    await until("it is done with", async () => {
      const [row] = await second.database.sql<{ at: number }>`
        select next_offset as at from flow_partition where partition = ${pass.id}`;
      return row?.at === Number.MAX_SAFE_INTEGER;
    });
    await assertWhole("tm", { [pass.id]: range(0, 300) });
  });

  it("leaves an archive to the node that has it, and goes on there where the other one was", { skip }, async () => {
    await flows.add("tm", `{ kind: telemetry, ship: ${ship} }`);
    const api = await start();
    await again(api, null);
    const elsewhere = await makeFlowFolder(); // any folder
    const reader = await open({ ...api.config, port: 0, dataDir: elsewhere.dir });
    try {
      const pass = await beginPass(api, ship, 9);
      await pass.send(packets(0, 100));
      if (process.env.TEST_REDIS_URL !== undefined) await reaches("tm", 100);
      await pass.send(packets(100, 200));
      await pass.completed();
      await until("it is given up", () => reader.flows.find("tm")?.state.partitions.length === 0);
      await again(api, flows.dir);
      await reaches("tm", 200);
      await assertWhole("tm", { [pass.id]: range(0, 200) });
    } finally {
      await reader.stop();
      await elsewhere.remove();
    }
  });
});
