/** The simulator's account against the ledger of a real receiver, over real sockets. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { ingest } from "../src/ground/ingest.ts";
import { Ledger } from "../src/ground/ledger.ts";
import { crcRule, parsePacketYaml } from "../src/ground/packet-definition.ts";
import { sendSimulation } from "../src/ground/sim-sender.ts";
import { ShipSimulation } from "../src/ground/simulator.ts";
import { createThreadReceivers } from "../src/ground/thread-receivers.ts";

const definition = parsePacketYaml(readFileSync(new URL("../examples/mission/packets.yaml", import.meta.url), "utf8"));
const log = { info: () => {}, warn: () => {} };

describe("a simulated pass over UDP", () => {
  it("leaves a ledger that says what the simulator says it sent, for each of two ships", async () => {
    const receivers = createThreadReceivers(log);
    const rules = { format: "ccsds", packetSizeMax: 65_542, hasCrc: crcRule(definition) } as const;
    const passes = await Promise.all(
      [0, 1].map(async (ship) => {
        const ledger = new Ledger("ccsds");
        const receiver = await receivers.open({
          host: "127.0.0.1",
          port: 0,
          format: "ccsds",
          packetSizeMax: 65_542,
          log,
          onBatch: (batch) => ledger.judge(ingest(batch, rules)).apply(),
        });
        const simulation = new ShipSimulation({
          ...{ seed: 4, ship, orbitS: 100, sizeBytes: null },
          ...{ lose: 0.05, duplicate: 0.05, reorder: 0.05, corrupt: 0.05, idle: 0.05 },
        });
        return { ledger, receiver, simulation };
      }),
    );
    const report = await sendSimulation({
      host: "127.0.0.1",
      ports: passes.map(({ receiver }) => receiver.port),
      ships: passes.map(({ simulation }) => simulation),
      ratePerS: 400,
      seconds: 1,
    });
    assert.equal(report.failed, 0);
    for (const [i, { ledger, receiver }] of passes.entries()) {
      ledger.socket(await receiver.drain(5000));
      const sent = report.ships[i];
      const json = ledger.json();
      assert.ok(sent);
      assert.deepEqual([json.datagrams, json.bytes, json.idle], [sent.datagrams, sent.bytes, sent.idle]);
      assert.deepEqual(
        json.apids.map((one) => [one.apid, one.stored, one.missing, one.duplicates, one.out_of_order, one.first_count]),
        sent.apids.map((one) => [
          one.apid,
          one.distinct,
          one.missing,
          one.duplicates,
          one.out_of_order,
          one.first_count,
        ]),
      );
      for (const [reason, count] of Object.entries(sent.corrupted)) {
        assert.equal(Object.entries(json.rejected).find(([name]) => name === reason)?.[1], count);
      }
    }
    await receivers.close();
  });
});
