/**
 * A main loop that is blocked half of the time, and a flood that nothing could take: a receiver thread loses nothing in the first case,
 * and what is lost in the second one is counted to the packet. Counts are asserted, no clock is.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { sequenceCountAt } from "../src/ground/ccsds.ts";
import { Intake, type IntakeObserver } from "../src/ground/intake.ts";
import { Ledger } from "../src/ground/ledger.ts";
import type { LedgerJson } from "../src/ground/ledger-json.ts";
import type { SentJson } from "../src/ground/simulator.ts";
import { createThreadReceivers } from "../src/ground/thread-receivers.ts";
import { Trail } from "../src/ground/trail.ts";
import { placesOf } from "../src/telemetry/entry.ts";
import { openSegments } from "../src/telemetry/segments.ts";
import type { Telemetry } from "../src/telemetry/telemetry.ts";
import { runOrrery } from "./support/process.ts";

const log = { info: () => {}, warn: () => {} };
const quiet: IntakeObserver = { stored() {}, settled() {}, rejected() {}, dropped() {}, sealed() {} };
const underDeno = "Deno" in globalThis && "Deno has no receive buffer of a size that one asks for";
const hasKernelTable = existsSync("/proc/net/udp");

interface Order {
  /** Given the store that a pass would write to. */
  readonly store?: (telemetry: Telemetry) => Pick<Telemetry, "open">;
  readonly sim: Readonly<Record<string, string | number>>;
  readonly during?: () => () => void;
}

interface Received {
  readonly ledger: LedgerJson;
  readonly sent: SentJson;
  readonly storedCounts: readonly number[];
}

/** What a pass is made of: receiver thread, ingest, ledger and segment files; the simulator is a process of its own. */
async function receive({ store = (telemetry) => telemetry, sim, during = () => () => {} }: Order): Promise<Received> {
  const dataDir = await mkdtemp(join(tmpdir(), "orrery-stall-"));
  const receivers = createThreadReceivers(log);
  const telemetry = openSegments(dataDir);
  const stream = { ship: "stall", passId: randomUUID(), token: 1 };
  const rules = { format: "ccsds", packetSizeMax: 65_542, hasCrc: () => true } as const;
  const ledger = new Ledger("ccsds");
  const intake = new Intake({
    ledger,
    telemetry: store(telemetry),
    stream,
    rules,
    observer: quiet,
    trail: new Trail(),
  });
  const receiver = await receivers.open({
    ...{ host: "127.0.0.1", port: 0, format: "ccsds", packetSizeMax: 65_542, log },
    onBatch: (batch) => intake.take(batch),
  });
  const options = Object.entries({ port: receiver.port, ...sim }).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const end = during();
  const { code, stdout, stderr } = await runOrrery(["sim", ...options, "--json"], { cwd: dataDir }).finally(end);
  assert.equal(code, 0, stderr);
  ledger.socket(await receiver.drain(60_000));
  ledger.socket(await receiver.close());
  await receivers.close();
  await intake.close();
  const storedCounts: number[] = [];
  for await (const { payload } of telemetry.read(stream))
    for (const { start } of placesOf(payload)) storedCounts.push(sequenceCountAt(payload, start));
  await rm(dataDir, { recursive: true, force: true });
  const [sent] = JSON.parse(stdout).ships;
  return { ledger: ledger.json(), sent, storedCounts };
}

function blockFor(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

/** The arrival account, as docs/ledger.md has it. */
function assertArrival({ ledger, sent, storedCounts }: Received): void {
  const rejected = Object.values(ledger.rejected).reduce((sum, count) => sum + count, 0);
  const { datagrams, kernel_drops, received, idle, duplicates, queue_drops, store_drops, stored } = ledger;
  assert.ok(kernel_drops !== null);
  assert.equal(datagrams + kernel_drops, sent.datagrams, "sent = datagrams + kernel drops");
  assert.equal(received, datagrams, "the simulator sends a packet a datagram");
  assert.equal(received, idle + rejected + duplicates + queue_drops + store_drops + stored);
  assert.equal(storedCounts.length, stored);
}

describe("a receiver thread", () => {
  // 700 octets are more than the kernel's 8 MiB would hold meanwhile for a socket that the main loop reads.
  for (const size of [200, 700]) {
    const what = `loses nothing while the main loop is blocked 500 ms of every second, at 10,000 packets/s of ${size} octets`;
    it(what, { skip: underDeno }, async () => {
      let blocked = 0;
      const { ledger, sent, storedCounts } = await receive({
        sim: { rate: 10_000, seconds: 4, size },
        during() {
          const timer = setInterval(() => {
            blocked += 1;
            blockFor(500);
          }, 1000);
          return () => clearInterval(timer);
        },
      });
      assert.ok(blocked >= 3, `the loop was blocked ${blocked} times`);
      assert.deepEqual(
        [sent.generated, ledger.received, ledger.stored, ledger.missing, ledger.kernel_drops, ledger.queue_drops],
        [40_000, 40_000, 40_000, 0, hasKernelTable ? 0 : null, 0],
      );
      assert.equal(storedCounts.length, 40_000);
    });
  }

  it("counts what a slow store leaves no room for, and memory stays bounded, under a flood of five times of what it takes", {
    skip: underDeno || !hasKernelTable,
  }, async () => {
    // A store that takes an entry of 256 packets each 64 ms: 4,000 packets/s.
    const slow = (telemetry: Telemetry): Pick<Telemetry, "open"> => ({
      async open(stream) {
        const writer = await telemetry.open(stream);
        return {
          givenUp: [],
          close: () => writer.close(),
          async append(entry) {
            await new Promise((resolve) => setTimeout(resolve, 64));
            return writer.append(entry);
          },
        };
      },
    });
    const before = process.memoryUsage().rss;
    let peak = 0;
    const received = await receive({
      store: slow,
      sim: { rate: 20_000, seconds: 6, size: 1000, lose: 0.01, duplicate: 0.01, corrupt: 0.01, idle: 0.01 },
      during() {
        const timer = setInterval(() => {
          peak = Math.max(peak, process.memoryUsage().rss);
        }, 100);
        return () => clearInterval(timer);
      },
    });
    assertArrival(received);
    assert.ok(received.ledger.queue_drops > 0, "it was no flood");
    assert.ok(received.ledger.stored > 0);
    const grownMiB = Math.round((peak - before) / 1024 / 1024);
    assert.ok(grownMiB < 150, `${grownMiB} MiB more`);
  });
});
