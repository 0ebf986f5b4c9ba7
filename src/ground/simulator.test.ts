import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createHousekeeping, housekeepingApids } from "./housekeeping.ts";
import { ingest } from "./ingest.ts";
import { createPacketDecoder, LatestValues } from "./latest.ts";
import { Ledger } from "./ledger.ts";
import { orbitAt } from "./orbit.ts";
import { crcRule, parsePacketYaml } from "./packet-definition.ts";
import { ShipSimulation, type SimulationOptions } from "./simulator.ts";

const definition = parsePacketYaml(
  readFileSync(new URL("../../examples/mission/packets.yaml", import.meta.url), "utf8"),
);
const clean: SimulationOptions = {
  seed: 1,
  ship: 0,
  orbitS: 5640,
  sizeBytes: null,
  lose: 0,
  duplicate: 0,
  reorder: 0,
  corrupt: 0,
  idle: 0,
};

/** All datagrams of a downlink of `countMax` packets. */
function downlink(simulation: ShipSimulation, countMax: number): Uint8Array[] {
  const datagrams: Uint8Array[] = [];
  for (let i = 0; i < countMax; i++) datagrams.push(...simulation.next(1_700_000_000_000 + i * 10));
  return [...datagrams, ...simulation.end()];
}

function ledgerOf(datagrams: readonly Uint8Array[]): ReturnType<Ledger["json"]> {
  const ledger = new Ledger("ccsds");
  for (let from = 0; from < datagrams.length; from += 100) {
    const part = datagrams.slice(from, from + 100);
    let end = 0;
    const bytes = new Uint8Array(part.reduce((sum, one) => sum + one.length, 0));
    const ends = Uint32Array.from(part, (one) => {
      bytes.set(one, end);
      end += one.length;
      return end;
    });
    const batch = { bytes, count: part.length, ends, arrivedMs: new Float64Array(part.length) };
    ledger.judge(ingest(batch, { format: "ccsds", packetSizeMax: 65_542, hasCrc: crcRule(definition) })).apply();
  }
  return ledger.json();
}

describe("the simulator", () => {
  it("sends what the example mission's definition decodes to the ship's state", () => {
    const decode = createPacketDecoder(definition);
    const make = createHousekeeping({ ship: 2, orbitS: 600, sizeBytes: null });
    fc.assert(
      fc.property(fc.integer({ min: 1_600_000_000_000, max: 2_000_000_000_000 }), (epochMs) => {
        const sample = orbitAt(2, epochMs / 1000, 600);
        const packets = housekeepingApids.map((apid) => decode(make(apid, 3, epochMs)));
        const value = (name: string) => packets.find((packet) => packet?.values.has(name))?.values.get(name)?.value;
        const near = (name: string, expected: number, tolerance: number) =>
          assert.ok(
            Math.abs(Number(value(name)) - expected) <= tolerance,
            `${name}: ${value(name)} is not ${expected}`,
          );
        near("battery_voltage", sample.batteryVoltage, 0.0006);
        near("battery_current", sample.batteryCurrent, 0.0006);
        near("battery_charge", sample.batteryCharge, 0.26);
        near("battery_temperature", sample.batteryTemperature, 0.06);
        near("bus_load", sample.busLoadW, 0.006);
        near("quaternion_w", sample.quaternion[3], 1e-6);
        near("rate_y", sample.rates[1], 0.0006);
        near("sun_angle", sample.sunAngleDegrees, 0.006);
        near("panel_x_temperature", sample.temperatures[0], 0.006);
        near("tank_pressure", sample.tankPressureBar, 0.002);
        near("cpu_load", sample.cpuLoad, 0.51);
        assert.equal(value("sunlight"), sample.isSunlit ? "sunlight" : "eclipse");
        assert.equal(value("power_mode"), sample.isSunlit ? "payload" : "nominal");
        assert.equal(value("software"), "fsw-2.4");
        assert.equal(value("frames_sent"), "9007199254740996");
        for (const packet of packets) assert.ok(Math.abs(Date.parse(packet?.takenAt ?? "") - epochMs) <= 1);
      }),
      { numRuns: 50 },
    );
  });

  it("fills a packet to the size asked for, and still decodes", () => {
    const [packet] = new ShipSimulation({ ...clean, sizeBytes: 200 }).next(1_700_000_000_000);
    assert.equal(packet?.length, 200);
    const latest = new LatestValues(definition);
    const parts = { bytes: packet, starts: Uint32Array.of(0), sizes: Uint32Array.of(200), apids: Uint16Array.of(100) };
    latest.take(
      { format: "ccsds", count: 1, sequenceCounts: new Uint16Array(1), arrivedMs: new Float64Array(1), ...parts },
      new Uint8Array(1),
    );
    assert.equal(latest.json().power_mode?.packet, "power");
  });

  it("sends the same for the same seed, and other things for another", () => {
    const of = (seed: number) =>
      downlink(new ShipSimulation({ ...clean, seed, lose: 0.3, corrupt: 0.2, duplicate: 0.1 }), 200);
    assert.deepEqual(of(7), of(7));
    assert.notDeepEqual(of(7), of(8));
  });

  it("accounts for every packet as the ledger of whoever receives them all", () => {
    const share = fc.double({ min: 0, max: 0.25, noNaN: true });
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        fc.record({ lose: share, duplicate: share, reorder: share, corrupt: share, idle: share }),
        fc.nat(700),
        (seed, shares, countMax) => {
          const simulation = new ShipSimulation({ ...clean, ...shares, seed, ship: seed % 5 });
          const datagrams = downlink(simulation, countMax);
          const sent = simulation.json();
          const ledger = ledgerOf(datagrams);
          assert.deepEqual([ledger.datagrams, ledger.bytes, ledger.idle], [sent.datagrams, sent.bytes, sent.idle]);
          const rejected = Object.fromEntries(Object.entries(ledger.rejected).filter(([, count]) => count > 0));
          assert.deepEqual(rejected, { ...sent.corrupted });
          assert.deepEqual(
            ledger.apids.map(({ apid, stored, missing, duplicates, out_of_order, first_count, last_count }) => ({
              apid,
              stored,
              missing,
              duplicates,
              out_of_order,
              first_count,
              last_count,
            })),
            sent.apids
              .filter((one) => one.distinct > 0)
              .map(({ apid, distinct, missing, duplicates, out_of_order, first_count, last_count }) => ({
                apid,
                stored: distinct,
                missing,
                duplicates,
                out_of_order,
                first_count,
                last_count,
              })),
          );
          for (const one of sent.apids) {
            assert.equal(one.generated, one.distinct + one.missing + one.lost_before_first + one.lost_after_last);
            assert.equal(one.generated, one.distinct + one.lost + one.corrupted);
          }
          assert.equal(ledger.conflicts, 0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("refuses shares that are more than everything, and packets too small for their fields", () => {
    assert.throws(() => new ShipSimulation({ ...clean, lose: 0.6, corrupt: 0.5 }), RangeError);
    assert.throws(() => new ShipSimulation({ ...clean, sizeBytes: 20 }), RangeError);
  });
});
