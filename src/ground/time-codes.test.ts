import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildPacket } from "./ccsds.ts";
import { createPacketDecoder } from "./latest.ts";
import { parsePacketDefinition } from "./packet-definition.ts";

const of = (name: string, type: string, more: object = {}) => ({ name, type, ...more });

function decoded(fields: object[], data: readonly number[] | Uint8Array): Record<string, unknown> {
  const decode = createPacketDecoder(parsePacketDefinition([{ apid: 1, name: "one", fields }]));
  const packet = decode(buildPacket({ apid: 1, sequenceCount: 0, data: Uint8Array.from(data) }));
  return Object.fromEntries([...(packet?.values ?? [])].map(([name, { value }]) => [name, value]));
}

describe("time codes", () => {
  it("are seconds and fractions of an epoch, days and milliseconds", () => {
    const fields = [
      of("a", "cuc", { coarse_bytes: 4, fine_bytes: 1, epoch: "unix" }),
      of("b", "cuc", { coarse_bytes: 4 }),
      of("c", "cds", { sub_bytes: 2 }),
      of("d", "cuc", { epoch: "gps" }),
    ];
    const day = [0x61, 0x56]; // 24,918 days after 1958-01-01
    const data = [0x65, 0, 0, 0, 0x80, 0, 0, 0, 0, ...day, 0, 0, 0, 1, 0, 250, 0, 0, 0, 0];
    assert.deepEqual(decoded(fields, data), {
      a: "2023-09-12T06:06:56.500000+00:00",
      b: "1958-01-01T00:00:00.000000+00:00",
      c: "2026-03-23T00:00:00.001250+00:00",
      d: "1980-01-06T00:00:00.000000+00:00",
    });
  });

  it("agree with published instants, leap seconds of their day taken off", () => {
    const cuc = (epoch: string, seconds: number): unknown => {
      const data = new Uint8Array(4);
      new DataView(data.buffer).setUint32(0, seconds);
      return decoded([of("t", "cuc", { epoch })], data).t;
    };
    // The week of GPS rolled over at 1,024 and 2,048 weeks (US Coast Guard's notices); its thousand-millionth second was in 2011.
    assert.equal(cuc("gps", 1024 * 604_800), "1999-08-21T23:59:47.000000+00:00");
    assert.equal(cuc("gps", 1_000_000_000), "2011-09-14T01:46:25.000000+00:00");
    assert.equal(cuc("gps", 2048 * 604_800), "2019-04-06T23:59:42.000000+00:00");
    // The same instant by TAI, which is 19 s ahead of GPS, and by Unix time.
    const gpsEpochS = (Date.UTC(1980, 0, 6) - Date.UTC(1958, 0, 1)) / 1000;
    assert.equal(cuc("tai", gpsEpochS + 19 + 1_000_000_000), "2011-09-14T01:46:25.000000+00:00");
    assert.equal(cuc("unix", 1_315_964_785), "2011-09-14T01:46:25.000000+00:00");
    // IERS Bulletin C 52: 2016-12-31 23:59:60 is inserted. It shows as the second after it.
    const leapS = gpsEpochS + 19 + 1_167_264_017;
    assert.deepEqual(
      [-1, 0, 1].map((more) => cuc("tai", leapS + more)),
      ["2016-12-31T23:59:59.000000+00:00", "2017-01-01T00:00:00.000000+00:00", "2017-01-01T00:00:00.000000+00:00"],
    );
    // An agency's epoch, J2000 (12:00 TT): five leap seconds since.
    assert.equal(cuc("2000-01-01T11:58:55.816Z", 820_454_400), "2025-12-31T11:58:50.816000+00:00");
    // CCSDS day 15,340 is 2000-01-01.
    const j2000 = [15_340 >> 8, 15_340 & 255, ...[0x02, 0x93, 0x2e, 0x00]];
    assert.equal(decoded([of("t", "cds")], j2000).t, "2000-01-01T12:00:00.000000+00:00");
    // Day 23,109, as NOAA's JPSS-1 file of 2021-04-09 (J01_G011_LZ_2021-04-09T00-00-00Z) begins.
    const jpss = [23_109 >> 8, 23_109 & 255, 0, 0, 0, 7, 0, 137];
    assert.equal(decoded([of("t", "cds", { sub_bytes: 2 })], jpss).t, "2021-04-09T00:00:00.007137+00:00");
    assert.equal(
      decoded([of("t", "cds", { epoch: "2000-01-01T00:00:00Z" })], [0, 1, 0, 0, 0, 9]).t,
      "2000-01-02T00:00:00.009000+00:00",
    );
    const fine = [0, 0x3b, 0xec, 0, 0, 0, 0, 0x1d, 0xcd, 0x65, 0x00]; // 500,000,000 ps
    assert.equal(decoded([of("t", "cds", { day_bytes: 3, sub_bytes: 4 })], fine).t, "2000-01-01T00:00:00.000500+00:00");
  });
});
