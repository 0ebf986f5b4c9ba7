// Question (P7, P8): how many CCSDS packets a second of 200 octets does one process receive, judge, store and decode without losing one,
// from one ship, or from 200 at once (`--ships 200 --rates 100`)?
// Method: `orrery sim` in a process of its own sends at a rate for some seconds; here the very parts a pass is made of: receiver thread →
// ingest (CRC) → ledger → telemetry (one entry of up to 256 packets in flight) → latest values (10 fields a packet, limits). At the end the
// ledger is held against what the simulator says it sent. CPU is this process's alone (all threads), per 1,000 packets; RSS is its peak.
// Store: Redis when BENCH_REDIS_URL or TEST_REDIS_URL is set, else segment files; `--store none` leaves it out.
// What would flatter it: several packets a datagram, no CRC, small packets, no store, or counting what was read instead of what was stored.
// The simulator shares the machine: a rate that it did not reach is shown as `sentPerS`, not as asked for. `--stall` blocks the main thread
// for 500 ms of every second, which is what the receiver thread is there for. `--noisy 50`: the first ship sends at 50 times the rate, by a
// simulator of its own, and what the others lost is told apart. `--overload 5` makes the store take only a fifth of the
// rate, so that four fifths have to be dropped, and counted. `balances`: sent = datagrams + kernel drops, received = stored + queue drops +
// store drops, and what the sequence counts miss is what was dropped and lies between an APID's first and last packet.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Intake, type IntakeObserver } from "../src/ground/intake.ts";
import { LatestValues } from "../src/ground/latest.ts";
import { Ledger } from "../src/ground/ledger.ts";
import type { LedgerJson } from "../src/ground/ledger-json.ts";
import { crcRule, parsePacketYaml } from "../src/ground/packet-definition.ts";
import type { Receivers } from "../src/ground/receiver.ts";
import type { SentJson } from "../src/ground/simulator.ts";
import { createThreadReceivers } from "../src/ground/thread-receivers.ts";
import { Trail } from "../src/ground/trail.ts";
import { createLoopReceivers } from "../src/ground/udp-receiver.ts";
import { openRedis } from "../src/telemetry/redis.ts";
import { openSegments } from "../src/telemetry/segments.ts";
import type { Telemetry } from "../src/telemetry/telemetry.ts";

const { values: flags } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    rates: { type: "string", default: "20000,50000" },
    seconds: { type: "string", default: "20" },
    ships: { type: "string", default: "1" },
    size: { type: "string", default: "200" },
    store: { type: "string" },
    loop: { type: "boolean", default: false },
    stall: { type: "boolean", default: false },
    noisy: { type: "string", default: "1" },
    overload: { type: "string", default: "1" },
  },
});
const rates = flags.smoke ? [1000] : flags.rates.split(",").map(Number);
const overload = Number(flags.overload);
const seconds = flags.smoke ? 2 : Number(flags.seconds);
const noisy = Number(flags.noisy);
const redisUrl = process.env.BENCH_REDIS_URL ?? process.env.TEST_REDIS_URL ?? null;
const store = flags.store ?? (redisUrl === null ? "segments" : "redis");

const log = { info: () => {}, warn: (about: object, text: string) => console.error(text, about) };
const yaml = new URL("../examples/mission/packets.yaml", import.meta.url);
const definition = parsePacketYaml(readFileSync(yaml, "utf8"));
const packetSizeMax = 65_542;

interface Sent {
  readonly rate: number;
  readonly ships: readonly SentJson[];
}

function simulate(ports: readonly number[], rate: number): Promise<Sent> {
  const main = resolve(import.meta.dirname, "../src/main.ts");
  const options = { port: ports.join(","), rate, seconds, size: flags.size };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(process.execPath, [main, "sim", ...args, "--json"], { stdio: ["ignore", "pipe", "inherit"] });
  let told = "";
  child.stdout.on("data", (part) => {
    told += String(part);
  });
  return new Promise((done, failed) => {
    child.once("error", failed);
    child.once("close", (code) =>
      code === 0 ? done(JSON.parse(told)) : failed(new Error(`The simulator ended with code ${code}`)),
    );
  });
}

/** The noisy ship, the first one, has a simulator of its own. */
async function simulateAll(ports: readonly number[], rate: number): Promise<Sent> {
  if (noisy === 1) return simulate(ports, rate);
  const [loud, others] = await Promise.all([simulate(ports.slice(0, 1), rate * noisy), simulate(ports.slice(1), rate)]);
  return { rate: loud.rate + others.rate, ships: [...loud.ships, ...others.ships] };
}

/** In Redis the packets go soon after the end: it may be shared. `none` takes everything and keeps nothing. */
async function openStore(dataDir: string): Promise<Telemetry> {
  if (store === "redis" && redisUrl !== null) return openRedis(redisUrl, { log, retentionMs: 1000 });
  if (store !== "none") return openSegments(dataDir);
  const nowhere: Pick<Telemetry, "open" | "close"> = {
    open: () => Promise.resolve({ append: () => Promise.resolve(1), givenUp: [], close: () => Promise.resolve() }),
    close: () => Promise.resolve(),
  };
  return nowhere as Telemetry; // the rest of the interface is for those who read
}

/** Takes a share of `rate` packets a second of a ship, in entries as they come. */
function slowed(telemetry: Telemetry, rate: number): Pick<Telemetry, "open"> {
  if (overload === 1) return telemetry;
  return {
    async open(stream) {
      const writer = await telemetry.open(stream);
      let dueMs = performance.now();
      return {
        givenUp: [],
        close: () => writer.close(),
        async append(entry) {
          dueMs = Math.max(dueMs, performance.now()) + (entry.packets * 1000 * overload) / rate;
          await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()));
          return writer.append(entry);
        },
      };
    },
  };
}

/** One ship's pass, as far as its packets go. */
async function openPass(receivers: Receivers, telemetry: Telemetry, rate: number) {
  const stream = { ship: `bench-${randomUUID()}`, passId: randomUUID(), token: 1 };
  const ledger = new Ledger("ccsds");
  const latest = new LatestValues(definition);
  const observer: IntakeObserver = {
    stored: (packets, turn) => void latest.take(packets, turn.verdicts),
    settled: () => {},
    rejected: (sample) => log.warn(sample, "rejected"),
    dropped: (error, packets) => log.warn({ error, packets }, "dropped"),
    sealed: (error) => log.warn({ error }, "sealed"),
  };
  const rules = { format: "ccsds", packetSizeMax, hasCrc: crcRule(definition) } as const;
  const parts = { ledger, telemetry: slowed(telemetry, rate), stream, rules, observer, trail: new Trail() };
  const intake = new Intake(parts);
  const receiver = await receivers.open({
    ...{ host: "127.0.0.1", port: 0, format: "ccsds", packetSizeMax, log },
    onBatch: (batch) => intake.take(batch),
  });
  return {
    receiver,
    async drain() {
      ledger.socket(await receiver.drain(20_000));
      return ledger.json();
    },
    async close() {
      await receiver.close();
      await intake.close();
      if (store !== "none") await telemetry.release(stream);
    },
  };
}

async function run(rate: number): Promise<object> {
  const dataDir = mkdtempSync(join(tmpdir(), "orrery-udp-"));
  const telemetry = await openStore(dataDir);
  const receivers = flags.loop ? createLoopReceivers() : createThreadReceivers(log);
  const passes = await Promise.all(
    Array.from({ length: Number(flags.ships) }, () => openPass(receivers, telemetry, rate)),
  );
  let rssPeakBytes = 0;
  const watch = setInterval(() => {
    rssPeakBytes = Math.max(rssPeakBytes, process.memoryUsage().rss);
  }, 200);
  const stall = flags.stall ? setInterval(() => blockFor(500), 1000) : undefined;
  const before = process.cpuUsage();
  const sent = await simulateAll(
    passes.map(({ receiver }) => receiver.port),
    rate,
  );
  clearInterval(stall);
  const ledgers = await Promise.all(passes.map((pass) => pass.drain()));
  const { user, system } = process.cpuUsage(before);
  clearInterval(watch);
  await Promise.all(passes.map((pass) => pass.close()));
  await receivers.close();
  await telemetry.close();
  rmSync(dataDir, { recursive: true, force: true });

  const sum = (of: (ledger: LedgerJson) => number | null) => ledgers.reduce((total, one) => total + (of(one) ?? 0), 0);
  const sentPackets = sent.ships.reduce((total, ship) => total + ship.generated, 0);
  const stored = sum((ledger) => ledger.stored);
  const balances = ledgers.every((one, i) => {
    const ship = sent.ships[i];
    if (ship === undefined) return false;
    const span = (from: { first_count: number | null; last_count: number | null }): number =>
      from.first_count === null || from.last_count === null ? 0 : from.last_count - from.first_count + 1;
    const unseen = ship.generated - one.apids.reduce((total, apid) => total + span(apid), 0);
    return (
      one.received === one.stored + one.queue_drops + one.store_drops &&
      ship.generated === one.datagrams + (one.kernel_drops ?? 0) &&
      // A gap of 8,192 or more is ambiguous, and then the sequence account cannot be held against what was sent.
      (one.apids.some(({ gaps }) => gaps.some(({ ambiguous }) => ambiguous)) ||
        one.missing + unseen === ship.generated - one.stored)
    );
  });
  return {
    ships: passes.length,
    askedPerS: rate * (passes.length - 1 + noisy),
    sentPerS: Math.round(sent.rate),
    sent: sentPackets,
    stored,
    lost: sentPackets - stored,
    ...(noisy > 1 && { lostByOthers: lossOf(sent, ledgers, 1) }),
    kernelDrops: ledgers.some((one) => one.kernel_drops === null) ? null : sum((ledger) => ledger.kernel_drops),
    queueDrops: sum((ledger) => ledger.queue_drops),
    storeDrops: sum((ledger) => ledger.store_drops),
    missing: sum((ledger) => ledger.missing),
    balances,
    cpuMsPer1000: Number(((user + system) / 1000 / (stored / 1000)).toFixed(2)),
    rssPeakMiB: Math.round(rssPeakBytes / 1024 / 1024),
    bufferBytes: passes[0]?.receiver.bufferBytes ?? null,
  };
}

/** Of the ships from `first` on. */
function lossOf(sent: Sent, ledgers: readonly LedgerJson[], first: number): number {
  return ledgers.slice(first).reduce((sum, one, i) => sum + (sent.ships[first + i]?.generated ?? 0) - one.stored, 0);
}

function blockFor(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

const results: object[] = [];
for (const rate of rates) results.push(await run(rate));
const how = { store, thread: !flags.loop, stall: flags.stall, noisy, overload, sizeBytes: Number(flags.size), seconds };
console.log(JSON.stringify({ bench: "udp", target: "P7", ...how, results }, null, 2));
