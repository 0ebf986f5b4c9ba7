/** A node is killed while flows read a pass that it receives, and plans: what was not committed is read again, and nothing is lost. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { buildPacket } from "../src/ground/ccsds.ts";
import { type DatabasePlace, makeDatabasePlace } from "./support/database.ts";
import { type FlowFolder, makeFlowFolder } from "./support/flow-folder.ts";
import { freeUdpPort, sendTo } from "./support/ground.ts";
import { done, Scene } from "./support/http.ts";
import { startAt } from "./support/place-node.ts";
import type { OrreryProcess } from "./support/process.ts";
import { requester, services, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const packets = (from: number, to: number): Uint8Array[] =>
  Array.from({ length: to - from }, (_, i) =>
    buildPacket({ apid: 7, sequenceCount: from + i, data: new Uint8Array(30) }),
  );

/** The sinks are slow, so that the kill finds messages that are read and not committed. */
const slow = `module: slow.ts\nwindow: 200`;
const slowModule = `export default {
  execute: async ({ input }) => {
    await new Promise((resolve) => setTimeout(resolve, 2));
    return input;
  },
};`;

describe("a node that is killed while flows read what it makes itself", () => {
  let place: DatabasePlace;
  let flows: FlowFolder;
  let node: OrreryProcess;
  let url = "";
  before(async () => {
    place = await makeDatabasePlace();
    flows = await makeFlowFolder();
    await mkdir(place.dataDir, { recursive: true });
    await writeFile(join(place.dataDir, "orrery.yaml"), `flows: ${flows.dir}\n`);
    await writeFile(join(flows.dir, "slow.ts"), slowModule);
    await flows.add("tm", "{ kind: telemetry, ship: killed }", slow);
    await flows.add("done", "{ kind: plans, states: [success] }", slow);
    await start();
  });
  after(async () => {
    node.signal("SIGKILL");
    await node.ended;
    await place.remove();
    await flows.remove();
  });

  async function start(): Promise<void> {
    ({ node, url } = await startAt(place, services));
  }
  async function kill(): Promise<void> {
    node.signal("SIGKILL");
    await node.ended;
  }

  const request: TestRuntime["request"] = (method, path, ask) => requester(url)(method, path, ask);
  async function tokenOf(service: string): Promise<string> {
    const body = { service, key: `${service}-key` };
    return done(await request("POST", "/api/authenticate", { body })).json.access_token;
  }
  const reaches = (flow: string, count: number) =>
    until(
      `${count} in ${flow}`,
      async () => new Set((await flows.rows(flow)).map(({ key }) => key)).size >= count,
      60_000,
    );

  it("loses no packet of a pass, and none gets another key", async () => {
    const token = await tokenOf("publisher");
    done(await request("PUT", "/api/ship/killed", { token, body: { format: "ccsds" } }));
    const port = await freeUdpPort();
    const body = { ship: "killed", port, aos: new Date(Date.now() + 500).toISOString(), duration_s: 300 };
    const { json: pass } = done(await request("POST", "/api/pass", { token, body }));
    let holder: string | undefined;
    const isListening = async (before?: string) => {
      const { listeners } = (await request("GET", "/api/stream")).json;
      holder = listeners.find((one: { pass_id: string }) => one.pass_id === pass.id)?.node;
      return holder !== undefined && holder !== before;
    };
    const storedIs = (count: number) =>
      until("stored", async () => (await request("GET", "/api/ship/killed/telemetry/count")).json.count === count);
    await until("receiving", () => isListening());
    await sendTo(port, packets(0, 600));
    await storedIs(600);
    await reaches("tm", 100);
    await kill();
    const killed = holder;
    await start();
    await until("receiving again", () => isListening(killed), 60_000);
    await sendTo(port, packets(600, 900));
    await storedIs(900);
    await reaches("tm", 700);
    done(await request("PUT", `/api/pass/${pass.id}/cancel`, { token }));
    await reaches("tm", 900);
    const sequences = new Map((await flows.rows("tm")).map(({ key, payload }) => [key, payload.sequence]));
    const expected = Array.from({ length: 900 }, (_, n): [string, number] => [`tm:${pass.id}:${n}:0.0`, n]);
    assert.deepEqual(
      [...sequences].sort(([, a], [, b]) => a - b),
      expected,
    );
  });

  it("loses no change of a plan", async () => {
    const api = { request, tokenOf, url } as unknown as TestRuntime;
    const scene = new Scene(api);
    const names = Array.from({ length: 300 }, (_, n) => `p${n}`);
    done(await scene.publish(names.join(" ")));
    done(await scene.set("success", ...names.slice(0, 200)));
    await reaches("done", 50);
    await kill();
    await start();
    done(await scene.set("success", ...names.slice(200)));
    await reaches("done", 300);
    const rows = await flows.rows("done");
    assert.deepEqual(new Set(rows.map(({ payload }) => payload.name)), new Set(names));
    assert.equal(new Set(rows.map(({ key }) => key)).size, 300);
  });
});
