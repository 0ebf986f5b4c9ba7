/**
 * Writes the audit's own rows: one insert for all that wait, one under way at a time. A write is answered once its row is
 * stored; a refusal's row is stored soon after, and a service that is refused again and again fills no table.
 */
import type { Instant } from "../model/clock.ts";
import { AuditUnavailableError, OverloadedError } from "../model/errors.ts";
import { type DatasetId, newTimeUuid } from "../model/ids.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { insertAudit, type NewAuditRow } from "../store/audit.ts";
import { type Sql, SqlError } from "../store/sql.ts";

export interface AuditEntry {
  readonly service: string;
  readonly action: string;
  readonly target: string;
  readonly status: number;
  readonly requestId: string | null;
  readonly datasetId: DatasetId | null;
}

export interface AuditTrail {
  /** Throws 503 when too many rows wait; asked before the write, which could not be answered after it. */
  requireRoom(): void;
  /** Resolves once the row is stored; rejects with 503, although the write itself was done. */
  wrote(entry: AuditEntry): Promise<void>;
  refused(entry: AuditEntry): void;
  stop(): Promise<void>;
}

export interface AuditTrailParts {
  readonly sql: Sql;
  readonly log: Log;
  readonly metrics: Metrics;
  now(): Instant;
  readonly monotonicMs?: () => number;
}

/** One insert takes so many; more would hold the embedded store for long. */
const rowsMax = 500;
const waitingMax = 10_000;
const triesMax = 3;
const targetLengthMax = 500;
/** Refusals of one service: so many at once, and one more each second. */
const refusalsBurst = 20;
const refusedServicesMax = 1000;

interface Waiting {
  readonly row: NewAuditRow;
  resolve(): void;
  reject(error: unknown): void;
}

export function createAuditTrail(parts: AuditTrailParts): AuditTrail {
  const { sql, log, metrics, monotonicMs = () => performance.now() } = parts;
  const waiting: Waiting[] = [];
  const refusals = new Map<string, { left: number; atMs: number }>();
  let writing: Promise<void> | null = null;

  function add(entry: AuditEntry): Promise<void> {
    const target = entry.target.slice(0, targetLengthMax).replaceAll("\u0000", "").toWellFormed();
    const row: NewAuditRow = { ...entry, target, auditId: newTimeUuid(), at: parts.now() };
    return new Promise((resolve, reject) => {
      waiting.push({ row, resolve, reject });
      // At the end of this tick: writes that were done together share the insert.
      writing ??= Promise.resolve().then(write);
    });
  }

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, rowsMax);
      try {
        await insert(batch.map(({ row }) => row));
        metrics.audit.rows.inc(batch.length);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        log.error({ err: error, rows: batch.length }, "rows of the audit could not be stored");
        for (const { reject } of batch) reject(new AuditUnavailableError(error));
      }
    }
    writing = null;
  }

  /** The ids make a repetition harmless, so a lost answer is no reason to give up. */
  async function insert(rows: readonly NewAuditRow[]): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await insertAudit(sql, rows);
      } catch (error) {
        const mayPass = error instanceof SqlError && error.fault !== "data" && error.fault !== "defect";
        if (!mayPass || tries >= triesMax) throw error;
      }
    }
  }

  /** A bucket for each service; those beyond an unlikely number share one. */
  function mayNote(service: string): boolean {
    const name = refusals.has(service) || refusals.size < refusedServicesMax ? service : "";
    const nowMs = monotonicMs();
    const bucket = refusals.get(name) ?? { left: refusalsBurst, atMs: nowMs };
    const left = Math.min(refusalsBurst, bucket.left + (nowMs - bucket.atMs) / 1000);
    const may = left >= 1 && waiting.length < waitingMax;
    refusals.set(name, { left: may ? left - 1 : left, atMs: nowMs });
    return may;
  }

  return {
    requireRoom() {
      if (waiting.length >= waitingMax)
        throw new OverloadedError("Too many writes wait for the audit: try again shortly");
    },
    wrote: add,
    refused(entry) {
      if (mayNote(entry.service)) add(entry).catch(() => undefined);
      else metrics.audit.dropped.inc();
    },
    async stop() {
      while (writing !== null) await writing;
    },
  };
}
