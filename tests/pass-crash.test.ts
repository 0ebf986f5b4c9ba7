/** A node is killed in mid-pass, and stopped in mid-pass: each time it is started again, and the ledger still says what is missing and why. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { buildPacket, sequenceCountAt } from "../src/ground/ccsds.ts";
import { type DatabasePlace, makeDatabasePlace } from "./support/database.ts";
import { freeUdpPort, sendTo } from "./support/ground.ts";
import { startAt } from "./support/place-node.ts";
import type { OrreryProcess } from "./support/process.ts";
import { requester, services, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const packets = (from: number, to: number): Uint8Array[] =>
  Array.from({ length: to - from }, (_, i) =>
    buildPacket({ apid: 7, sequenceCount: from + i, data: new Uint8Array(30) }),
  );

describe("a node that goes away in mid-pass", () => {
  let place: DatabasePlace;
  let node: OrreryProcess;
  let request: TestRuntime["request"];
  before(async () => {
    place = await makeDatabasePlace();
    await start();
  });
  after(async () => {
    node.signal("SIGKILL");
    await node.ended;
    await place.remove();
  });

  async function start(): Promise<void> {
    const started = await startAt(place, services);
    node = started.node;
    request = requester(started.url);
  }

  it("is killed: it goes on where its stream ends; then stopped: it goes on where it stopped", async () => {
    const login = await request("POST", "/api/authenticate", { body: { service: "publisher", key: "publisher-key" } });
    const token = login.json.access_token;
    const ship = `ship-${Date.now()}`;
    await request("PUT", `/api/ship/${ship}`, { token, body: { format: "ccsds" } });
    const port = await freeUdpPort();
    const body = { ship, port, aos: new Date(Date.now() + 1_000).toISOString(), duration_s: 300 };
    const { json: planned } = await request("POST", "/api/pass", { token, body });
    assert.equal(planned.state, "planned");
    /** By another node than `before`: a dead one is believed until its lease ends. */
    const isListening = async (before?: string) => {
      const { listeners } = (await request("GET", "/api/stream")).json;
      holder = listeners.find((one: { pass_id: string }) => one.pass_id === planned.id)?.node;
      return holder !== undefined && holder !== before;
    };
    let holder: string | undefined;
    const storedIs = (count: number) =>
      until(
        `${count} packets`,
        async () => (await request("GET", `/api/ship/${ship}/telemetry/count`)).json.count === count,
      );

    await until("receiving", () => isListening());
    await sendTo(port, packets(0, 500));
    await storedIs(500);
    node.signal("SIGKILL");
    await node.ended;
    await sendTo(port, packets(500, 520));

    await start();
    // On Postgres the lease of the dead node has to end first: 10 s.
    const killed = holder;
    await until("receiving again", () => isListening(killed), 60_000);
    await sendTo(port, packets(520, 600));
    await storedIs(580);
    node.signal("SIGTERM");
    assert.equal(await node.ended, 0);
    await sendTo(port, packets(600, 605));

    await start();
    const stopped = holder;
    await until("receiving for the third time", () => isListening(stopped));
    await sendTo(port, [...packets(590, 600), ...packets(605, 700)]);
    await storedIs(675);
    const live = (await request("GET", `/api/pass/${planned.id}`)).json;
    assert.deepEqual([live.ledger.stored, live.ledger.missing, live.ledger.outage], [675, 25, 25]);
    assert.equal(live.ledger.duplicates, 10);
    assert.ok(live.ledger.outage_ms > 0);
    assert.equal(live.ledger.received, 685);

    // Its window is not to be waited for: it ends now.
    const { rows } = (await request("GET", `/api/ship/${ship}/telemetry/packets?limit=1000`)).json;
    const counts = rows.map((row: { data: string }) => sequenceCountAt(Buffer.from(row.data, "hex"), 0)).reverse();
    const expected = [...packets(0, 500), ...packets(520, 600), ...packets(605, 700)].map((one) =>
      sequenceCountAt(one, 0),
    );
    assert.deepEqual(counts, expected);
    const { json: cancelled } = await request("PUT", `/api/pass/${planned.id}/cancel`, { token });
    assert.equal(cancelled.state, "cancelled");
    await until("the port closed", async () => !(await isListening()));
  });
});
