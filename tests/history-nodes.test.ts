/** Parameters of a pass that another node holds: live as they are stored, and in a plot; and what an answer about too many passes leaves out. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { buildPacket } from "../src/ground/ccsds.ts";
import { createHistory } from "../src/history/history.ts";
import type { Telemetry } from "../src/telemetry/telemetry.ts";
import { openTestDatabase } from "./support/database.ts";
import { beginPass, type FlownPass, openNodeOfShip } from "./support/flown-pass.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const packets = { packets: [{ apid: 7, name: "eps", fields: [{ name: "volts", type: "u16" }] }] };
const volts = (count: number, value: number) =>
  buildPacket({ apid: 7, sequenceCount: count, data: Uint8Array.of(value >> 8, value & 0xff) });

const skip = process.env.TEST_DATABASE_URL ? false : "TEST_DATABASE_URL is not set: the embedded store has one node";

describe("a pass of another node", { skip }, () => {
  const ship = `far-${randomUUID()}`;
  let holder: TestRuntime;
  let reader: TestRuntime;
  let pass: FlownPass;
  before(async () => {
    holder = await openNodeOfShip(ship, packets);
    // Held before the other node is there.
    pass = await beginPass(holder, ship, 30);
    const { databaseUrl } = holder.config;
    reader = await openTestRuntime({ config: { databaseUrl } });
  });
  after(async () => {
    await reader.stop();
    await holder.stop();
  });

  const history = async () => {
    const time = `start=${new Date(Date.now() - 60_000).toISOString()}&end=${new Date(Date.now() + 60_000).toISOString()}`;
    return (await reader.request("GET", `/api/ship/${ship}/parameter/volts/history?${time}`)).json;
  };

  it("has its values told of soon after they are stored, and in a plot where the store of packets is shared", async () => {
    const aborter = new AbortController();
    const response = await fetch(`${reader.url}/api/ship/${ship}/parameter/live`, { signal: aborter.signal });
    let text = "";
    const reading = (async () => {
      for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) text += chunk;
    })().catch(() => {});
    await pass.send([volts(0, 700), volts(1, 701)]);
    await until("the newest value, at the other node", () => /"volts":\{"value":701,/.test(text));
    await pass.send([volts(2, 702)]);
    await until("the next one", () => /"volts":\{"value":702,/.test(text));
    aborter.abort();
    await reading;
    const isShared = process.env.TEST_REDIS_URL !== undefined;
    assert.equal(
      (await history()).rows.reduce((sum: number, { n }: { n: number }) => sum + n, 0),
      isShared ? 3 : 0,
    );
  });
});

describe("more passes than an answer looks at", () => {
  it("are said, and how many have their files elsewhere", async () => {
    const database = await openTestDatabase();
    try {
      await database.sql`
        insert into pass_decoded (pass_id, ship, from_at, to_at, files)
        select gen_random_uuid(), 'busy', at, at, ${JSON.stringify({ history: { path: "/nowhere/x.history" } })}
        from (select now() - n * interval '1 second' as at from generate_series(1, 4001) n) as times`;
      const { range, newest } = createHistory({ sql: database.sql, telemetry: {} as Telemetry }); // no pass is under way
      const ask = { ship: "busy", definition: "{}", parameter: "volts", endMs: Date.now(), rowsMax: 100 };
      const all = await range({ ...ask, startMs: 0 });
      assert.deepEqual(all.cuts, { olderPasses: true, passesElsewhere: 4000, passesBehind: 0 });
      const minute = await range({ ...ask, startMs: Date.now() - 30_000 });
      assert.equal(minute.cuts.olderPasses, false);
      assert.equal((await newest({ ...ask, startMs: 0 })).cuts.olderPasses, true);
    } finally {
      await database.close();
    }
  });
});
