/** Ground segments for tests: a store of their own, telemetry beside it, and as many nodes on them as a test wants. */
import { randomUUID } from "node:crypto";
import { createSocket } from "node:dgram";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGround, type Ground, type GroundParts } from "../../src/ground/ground.ts";
import { instantOf, systemClock } from "../../src/model/clock.ts";
import { hasEnded, type PassDefinition, type PassRow, type PassState } from "../../src/model/pass.ts";
import { PassConflictError } from "../../src/model/pass-errors.ts";
import { noQuota, type ShipQuota } from "../../src/model/tenancy.ts";
import { createLog } from "../../src/observe/log.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { planPasses } from "../../src/store/pass-plan.ts";
import { findPass } from "../../src/store/passes.ts";
import { saveShip } from "../../src/store/ships.ts";
import type { Database } from "../../src/store/sql.ts";
import { type Alarms, createAlarms } from "../../src/supervisor/alarms.ts";
import { openTelemetry } from "../../src/telemetry/open.ts";
import type { Telemetry } from "../../src/telemetry/telemetry.ts";
import { openTestDatabase } from "./database.ts";
import { until } from "./signal.ts";

export const groundSettings = {
  host: "127.0.0.1",
  portMin: 20_000,
  portMax: 20_999,
  prepassMarginS: 0.5,
  drainMarginS: 1,
  packetSizeMax: 65_542,
  staleAfterS: 30,
  hotBytesMax: 4 * 1024 ** 3,
};

export interface GroundSite {
  readonly database: Database;
  readonly telemetry: Telemetry;
  readonly dataDir: string;
  /** Another node on the same stores, started. */
  node(changes?: Partial<GroundParts>): Promise<Ground>;
  /** Registers a ship and plans a pass over it, of `seconds` from `inMs` from now, on a free port. */
  plan(
    changes?: Partial<PassDefinition> & {
      /** The range for `port: null`. */
      readonly ports?: readonly [number, number];
      readonly inMs?: number;
      readonly seconds?: number;
      readonly format?: "ccsds" | "raw" | "json";
      readonly definition?: string;
      readonly quota?: Partial<ShipQuota>;
    },
  ): Promise<PassRow>;
  nodes(): readonly Ground[];
  pass(passId: string): Promise<PassRow>;
  reaches(passId: string, state: PassState, withinMs?: number): Promise<PassRow>;
  close(): Promise<void>;
}

const log = createLog(process.env.TEST_LOG === undefined ? "silent" : "debug");

export async function openGroundSite(): Promise<GroundSite> {
  const database = await openTestDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), "orrery-ground-"));
  const telemetry = await openTelemetry({ redisUrl: process.env.TEST_REDIS_URL ?? null, dataDir }, log);
  const nodes: Ground[] = [];
  const watches: Alarms[] = [];
  const pass = async (passId: string): Promise<PassRow> => {
    const found = await findPass(database.sql, passId);
    if (found === null) throw new Error(`There is no pass ${passId}`);
    return found;
  };
  return {
    database,
    telemetry,
    dataDir,
    pass,
    nodes: () => nodes,
    async node(changes = {}) {
      const metrics = changes.metrics ?? createMetrics();
      const send = async () => {};
      const alarms = createAlarms({
        database: changes.database ?? database,
        log,
        metrics,
        webhook: null,
        send,
        everyMs: 100,
      });
      alarms.start();
      watches.push(alarms);
      const ground = createGround({
        alarms,
        database,
        telemetry,
        dataDir,
        clock: systemClock,
        log,
        metrics,
        nodeId: randomUUID(),
        settings: groundSettings,
        leaseMs: 3_000,
        reportEveryMs: 200,
        ...changes,
      });
      await ground.start();
      nodes.push(ground);
      return ground;
    },
    async plan({ inMs = 300, seconds = 3, format = "ccsds", definition, quota, ports, ...changes } = {}) {
      const aosMs = Date.now() + inMs;
      const ship = changes.ship ?? `ship-${randomUUID()}`;
      const at = systemClock.now();
      const tenancy = quota === undefined ? {} : { quota: { ...noQuota, ...quota } };
      await saveShip(database.sql, { ship, format, definition: definition ?? null, ...tenancy, by: "test", at });
      const order: PassDefinition = {
        passId: randomUUID(),
        ship,
        station: null,
        host: "127.0.0.1",
        port: await freeUdpPort(),
        aos: instantOf(aosMs),
        los: instantOf(aosMs + seconds * 1000),
        prepassMarginMs: 500,
        drainMarginMs: 1_000,
        template: null,
        flows: [],
        priority: 0,
        requestDigest: "",
        ...changes,
      };
      const [portMin, portMax] = ports ?? [groundSettings.portMin, groundSettings.portMax];
      const rules = { policy: "reject", portMin, portMax, by: "test", at } as const;
      const plan = await planPasses(database.sql, [order], rules);
      const [planned] = plan.passes;
      if (planned === undefined) throw new PassConflictError(plan, { ...rules, count: 1, shown: (clash) => clash });
      for (const ground of nodes) ground.changed(planned);
      return planned;
    },
    async reaches(passId, state, withinMs = 40_000) {
      let last: PassRow | null = null;
      await until(
        `pass ${state}`,
        async () => {
          last = await pass(passId);
          if (last.state !== state && hasEnded(last.state))
            throw new Error(`The pass is ${last.state}: ${last.reason}`);
          return last.state === state;
        },
        withinMs,
      );
      return last ?? pass(passId);
    },
    async close() {
      await Promise.all(nodes.map((ground) => ground.stop()));
      await Promise.all(watches.map((alarms) => alarms.stop()));
      await telemetry.close();
      await database.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A UDP port that nobody has at the moment. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

/** Sends datagrams one after the other, a few at a time: where the receiver's buffer is small (Deno's), a burst would be lost. */
export async function sendTo(port: number, datagrams: Iterable<Uint8Array | string>): Promise<void> {
  const socket = createSocket("udp4");
  socket.on("error", () => {});
  let sent = 0;
  for (const datagram of datagrams) {
    sent += 1;
    if (sent % 32 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    // Where nobody listens the kernel may say so: the datagram is lost, as over a radio.
    await new Promise<void>((resolve) => socket.send(datagram, port, "127.0.0.1", () => resolve()));
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()));
}
