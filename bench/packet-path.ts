// Question: what does one packet cost on its way in: splitting and CRC, judging by sequence, decoding ten fields with limits?
// Method: housekeeping packets of 200 octets from the simulator, in batches of 256 (one telemetry entry), each step alone over the same
// 200,000 packets, five rounds, medians of CPU time; with a clean downlink, and with one that loses, repeats and reorders 2 % each.
// What would flatter it: one APID only, small packets (hash and CRC go by octets), nothing missing, or a batch that stays in cache: here
// four APIDs take turns and the packets of a round fill 40 MB.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { DatagramBatch, PacketBatch } from "../src/ground/batch.ts";
import { type Ingested, ingest } from "../src/ground/ingest.ts";
import { LatestValues } from "../src/ground/latest.ts";
import { Ledger } from "../src/ground/ledger.ts";
import { crcRule, parsePacketYaml } from "../src/ground/packet-definition.ts";
import { ShipSimulation } from "../src/ground/simulator.ts";

const { values: flags } = parseArgs({ options: { smoke: { type: "boolean", default: false } } });
const packets = flags.smoke ? 5_000 : 200_000;
const rounds = flags.smoke ? 1 : 5;
const perBatch = 256;
const sizeBytes = 200;

const yaml = new URL("../examples/mission/packets.yaml", import.meta.url);
const definition = parsePacketYaml(readFileSync(yaml, "utf8"));
const rules = { format: "ccsds", packetSizeMax: 65_542, hasCrc: crcRule(definition) } as const;

function downlink(share: number): DatagramBatch[] {
  const links = { lose: share, duplicate: share, reorder: share, corrupt: 0, idle: 0 };
  const ship = new ShipSimulation({ ...links, seed: 1, ship: 0, orbitS: 5640, sizeBytes });
  const batches: DatagramBatch[] = [];
  let waiting: Uint8Array[] = [];
  for (let i = 0; i < packets; i++) {
    waiting.push(...ship.next(1_700_000_000_000 + i));
    if (waiting.length < perBatch && i < packets - 1) continue;
    const batch = waiting;
    waiting = [];
    const bytes = new Uint8Array(batch.length * sizeBytes);
    for (const [n, packet] of batch.entries()) bytes.set(packet, n * sizeBytes);
    batches.push({
      bytes,
      count: batch.length,
      ends: Uint32Array.from(batch, (_, n) => (n + 1) * sizeBytes),
      arrivedMs: Float64Array.from(batch, () => 1_700_000_000_000 + i),
    });
  }
  return batches;
}

interface Cost {
  readonly ingestNs: number;
  readonly judgeNs: number;
  readonly decodeNs: number;
}

function measure(batches: readonly DatagramBatch[]): Cost {
  const ledger = new Ledger("ccsds");
  const latest = new LatestValues(definition);
  const ingested: Ingested[] = [];
  const judged: { packets: PacketBatch; verdicts: Uint8Array }[] = [];
  const ingestNs = nsOf(() => {
    for (const batch of batches) ingested.push(ingest(batch, rules));
  });
  const judgeNs = nsOf(() => {
    for (const one of ingested) {
      const turn = ledger.judge(one);
      turn.apply();
      judged.push(turn);
    }
  });
  const decodeNs = nsOf(() => {
    for (const one of judged) latest.take(one.packets, one.verdicts);
  });
  return { ingestNs, judgeNs, decodeNs };
}

/** CPU time, as the machine is shared; collecting garbage is in it. */
function nsOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / packets;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const results = [0, 0.02].map((share) => {
  const batches = downlink(share);
  measure(batches); // the compiler's round
  const costs = Array.from({ length: rounds }, () => measure(batches));
  const of = (step: keyof Cost): number => Math.round(median(costs.map((cost) => cost[step])));
  return {
    disturbedShare: share,
    ingestNs: of("ingestNs"),
    judgeNs: of("judgeNs"),
    decodeNs: of("decodeNs"),
    fieldsPerPacket: 10.5,
  };
});
console.log(
  JSON.stringify({ bench: "packet-path", unit: "CPU-ns per packet of 200 octets", packets, rounds, results }, null, 2),
);
