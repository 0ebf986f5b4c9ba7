/** The simulator: its account against the ledger of a real receiver, over real sockets, and its command. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, it } from "node:test";
import { ingest } from "../src/ground/ingest.ts";
import { Ledger } from "../src/ground/ledger.ts";
import { crcRule, parsePacketYaml } from "../src/ground/packet-definition.ts";
import { sendSimulation } from "../src/ground/sim-sender.ts";
import { ShipSimulation } from "../src/ground/simulator.ts";
import { createThreadReceivers } from "../src/ground/thread-receivers.ts";
import { runOrrery } from "./support/process.ts";

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

describe("orrery sim", () => {
  const run = (...args: string[]) => runOrrery(args, { cwd: tmpdir() });

  it("says as JSON, or as a table, what it sent to each port", async () => {
    const args = ["sim", "--port", "40001,40003", "--rate", "40", "--seconds", "0.5", "--lose", "10%", "--size", "64"];
    const { code, stdout } = await run(...args, "--json");
    assert.equal(code, 0);
    const told = JSON.parse(stdout);
    assert.deepEqual([told.failed, told.ships.length, told.ships[1].port], [0, 2, 40_003]);
    for (const ship of told.ships) {
      assert.equal(ship.generated, 20);
      assert.equal(ship.bytes, ship.datagrams * 64);
    }
    const table = await run(...args);
    assert.match(table.stdout, /Ship 1 to port 40003: \d+ datagrams/);
  });

  it("refuses what it cannot send, with a sentence", async () => {
    const fault = async (...args: string[]) => {
      const { code, stderr } = await run("sim", ...args);
      assert.equal(code, 2);
      return stderr;
    };
    assert.match(await fault("--lose", "2"), /must be a share/);
    assert.match(await fault("--rate", "fast"), /must be a number/);
    assert.match(await fault("--lose", "0.6", "--corrupt", "0.6"), /together more than 1/);
    assert.match(await fault("--port", "65535", "--ships", "2"), /Cannot send to port 65536/);
    assert.match(await fault("--host", "no-such-host.invalid"), /Cannot send to host/);
    assert.match(await fault("--port", "1,2", "--ships", "3"), /Cannot simulate 3 ships on 2 ports/);
  });
});
