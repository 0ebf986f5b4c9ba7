/** Where a holder of a pass begins: with an empty ledger, or where the last one stopped: its checkpoint, and the stream after it. */
import { severityLevel } from "../model/alarm.ts";
import { epochMsOf } from "../model/clock.ts";
import type { PassRow, ShipFormat, ShipRow } from "../model/pass.ts";
import { type OpenAlarm, openAlarms } from "../store/alarm-changes.ts";
import { findCheckpoint } from "../store/pass-progress.ts";
import type { Sql } from "../store/sql.ts";
import { packetBatchOf } from "../telemetry/entry.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { StreamPosition } from "./intake.ts";
import { type LatestValue, LatestValues } from "./latest.ts";
import { Ledger, type LedgerCheckpoint } from "./ledger.ts";
import type { PacketDefinition } from "./packet-definition.ts";
import { type StreamPlace, Trail } from "./trail.ts";

/** What `pass_progress.checkpoint` holds. Those of earlier versions have only the place of the last entry that the ledger knows of. */
export interface PassCheckpoint extends StreamPlace, Partial<Omit<StreamPosition, keyof StreamPlace>> {
  readonly ledger: LedgerCheckpoint;
  /** When the port was open for the last time, by the database's clock; null if it never was. */
  readonly heardUntilMs: number | null;
}

export interface Start {
  readonly ledger: Ledger;
  readonly latest: LatestValues | null;
  /** What earlier holders had decoded last, by parameter. */
  readonly latestBefore: Readonly<Record<string, LatestValue>>;
  readonly heardUntilMs: number | null;
  readonly trail: Trail;
  /** Alarms that it may clear. */
  readonly openAlarms: readonly OpenAlarm[];
}

/** All that a runner is given. */
export interface PassToRun {
  readonly pass: PassRow;
  readonly ship: ShipRow & { readonly packets: PacketDefinition | null };
  readonly start: Start;
}

export async function startOf(
  pass: PassRow,
  ship: { readonly format: ShipFormat; readonly definition: PacketDefinition | null },
  { sql, telemetry }: { readonly sql: Sql; readonly telemetry: Telemetry },
): Promise<Start> {
  const latest = ship.definition === null ? null : new LatestValues(ship.definition);
  const alarms = await openAlarms(sql, pass.ship, pass.passId);
  for (const { kind, subject, severity } of alarms)
    if (kind === "parameter.limit") latest?.limitAlarms.resume(subject, severityLevel(severity));
  if (pass.token === 1) {
    const ledger = new Ledger(ship.format);
    return { ledger, latest, latestBefore: {}, heardUntilMs: null, trail: new Trail(), openAlarms: alarms };
  }
  const stream = { ship: pass.ship, passId: pass.passId, token: pass.token };
  await telemetry.seal(stream);
  const stored = await findCheckpoint(sql, pass.passId);
  // Written by a runner as JSON of these types.
  const checkpoint = stored === null ? null : (JSON.parse(stored.checkpoint) as PassCheckpoint);
  const latestBefore = stored === null ? {} : (JSON.parse(stored.latest) as Record<string, LatestValue>);
  const ledger = new Ledger(ship.format, checkpoint?.ledger);
  const known = checkpoint ?? { token: 0, entry: 0 };
  await telemetry.takeBack({ ...stream, token: known.token }, checkpoint?.givenUp ?? []);
  let heardUntilMs = checkpoint?.heardUntilMs ?? (pass.openedAt === null ? null : epochMsOf(pass.openedAt));
  const trail = new Trail();
  let holder = known.token;
  const before = { ...stream, token: stream.token - 1 };
  for await (const entry of telemetry.read(before, checkpoint?.rememberFrom ?? { token: 0, entry: 0 })) {
    const packets = packetBatchOf(entry.payload, ship.format);
    trail.stored(entry, packets.count);
    if (entry.token < known.token || (entry.token === known.token && entry.entry <= known.entry)) {
      ledger.remember(packets);
      continue;
    }
    const firstMs = packets.arrivedMs[0] ?? 0;
    // Between two holders nobody listened; the second one's checkpoint would have said so.
    if (entry.token !== holder && holder !== 0) ledger.outage(heardUntilMs ?? firstMs, firstMs);
    holder = entry.token;
    ledger.replay(packets);
    latest?.take(packets, new Uint8Array(packets.count));
    const lastMs = packets.arrivedMs[packets.count - 1];
    if (lastMs !== undefined) heardUntilMs = Math.max(heardUntilMs ?? lastMs, lastMs);
  }
  latest?.limitAlarms.settle();
  return { ledger, latest, latestBefore, heardUntilMs, trail, openAlarms: alarms };
}
