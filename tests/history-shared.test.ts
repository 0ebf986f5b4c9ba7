/** Two packet types on one APID that share a parameter: one history and one column of it, and no value of the other type's. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { parquetReadObjects } from "hyparquet";
import { buildPacket } from "../src/ground/ccsds.ts";
import { beginPass, type FlownPass, openNodeOfShip } from "./support/flown-pass.ts";
import type { TestRuntime } from "./support/runtime.ts";

const packetOf = (kind: number, name: string, ...fields: object[]) => ({
  name,
  apid: 100,
  when: [{ bit_offset: 0, bits: 8, equals: kind }],
  fields: [{ name: "kind", type: "u8" }, ...fields],
});
const level = { name: "level", type: "u8", calibration: { polynomial: [0, 0.5] }, limits: { warning: { high: 50 } } };
// Its place differs: the last field of one, not of the other.
const definition = {
  packets: [
    packetOf(1, "short", level, { name: "mode", type: "u8" }),
    packetOf(2, "long", { name: "rate", type: "u16" }, level),
  ],
};

const short = (count: number, levelRaw: number, mode: number) =>
  buildPacket({ apid: 100, sequenceCount: count, data: Uint8Array.of(1, levelRaw, mode) });
const long = (count: number, rate: number, ...levelRaw: number[]) =>
  buildPacket({ apid: 100, sequenceCount: count, data: Uint8Array.of(2, rate >> 8, rate & 0xff, ...levelRaw) });
const other = (count: number) => buildPacket({ apid: 100, sequenceCount: count, data: Uint8Array.of(3, 9, 9, 9) });

describe("a parameter that two packet types of one APID share", () => {
  const ship = `shared-${randomUUID()}`;
  const since = new Date(Date.now() - 1000).toISOString();
  let node: TestRuntime;
  let pass: FlownPass;
  before(async () => {
    node = await openNodeOfShip(ship, definition);
    pass = await beginPass(node, ship, 4);
    // One a datagram; the fourth is too short for its level, the fifth is of neither type.
    for (const packet of [
      short(0, 20, 7),
      long(1, 300, 40),
      short(2, 60, 8),
      long(3, 301),
      other(4),
      long(5, 302, 120),
    ])
      await pass.send([packet]);
  });
  after(() => node.stop());

  const get = async (path: string) => (await node.request("GET", `/api${path}`)).json;
  const end = new Date(Date.now() + 3_600_000).toISOString();
  async function valuesOf(name: string): Promise<number[]> {
    const { rows } = await get(`/ship/${ship}/parameter/${name}/history?start=${since}&end=${end}`);
    return rows.map(({ avg }: { avg: number }) => avg);
  }
  async function hasItsHistory(): Promise<void> {
    assert.deepEqual(await valuesOf("level"), [10, 20, 30, 60]);
    assert.deepEqual(await valuesOf("mode"), [7, 8]);
    assert.deepEqual(await valuesOf("rate"), [300, 301, 302]);
    assert.deepEqual(await valuesOf("kind"), [1, 2, 1, 2, 2]);
  }

  it("is in the dictionary once, with the first packet that has it", async () => {
    const { rows } = await get(`/ship/${ship}/parameter`);
    assert.deepEqual(
      rows.map(({ name, packet }: { name: string; packet: string }) => [name, packet]),
      [
        ["kind", "short"],
        ["level", "short"],
        ["mode", "short"],
        ["rate", "long"],
      ],
    );
  });

  it("has one history of both while the pass receives, and the newest value of whichever came last", async () => {
    await hasItsHistory();
    const latest = await get(`/ship/${ship}/parameter/level/latest`);
    assert.deepEqual([latest.value, latest.limit, latest.packet], [60, "warning_high", "long"]);
    assert.equal((await get(`/ship/${ship}/parameter/mode/latest`)).packet, "short");
  });

  it("has the same history once the pass is archived, and one column, empty where a packet has no value", async () => {
    await pass.completed();
    await hasItsHistory();
    const exported = (format: string) => fetch(`${node.url}/api/pass/${pass.id}/export?format=${format}`);
    const [head, ...lines] = (await (await exported("csv")).text()).split("\r\n");
    assert.equal(head, "_arrived,_taken,_packet,_apid,_sequence_count,_conflict,kind,level,mode,rate");
    assert.deepEqual(
      lines.map((line) => line.split(",").slice(2).join(",")),
      [
        "short,100,0,false,1,10,7,",
        "long,100,1,false,2,20,,300",
        "short,100,2,false,1,30,8,",
        "long,100,3,false,2,,,301",
        "long,100,5,false,2,60,,302",
        "",
      ],
    );
    const rows = await parquetReadObjects({ file: await (await exported("parquet")).arrayBuffer() });
    assert.deepEqual(
      rows.map(({ _packet, level, mode, rate }) => [_packet, level, mode, rate]),
      [
        ["short", 10, 7, null],
        ["long", 20, null, 300],
        ["short", 30, 8, null],
        ["long", null, null, 301],
        ["long", 60, null, 302],
      ],
    );
  });
});
