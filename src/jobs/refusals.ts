/**
 * Decisions of guardrails that refuse, stored one by one while they are few. A storm of them costs a row a second for each
 * (queue, code, service): the row's `count` says how many there were.
 */

import { newTimeUuid } from "../model/ids.ts";
import type { Log } from "../observe/log.ts";
import { type NewDecision, storeDecisions } from "../store/decisions.ts";
import type { Sql } from "../store/sql.ts";

export type Refusal = Omit<NewDecision, "decisionId" | "kind" | "jobId">;

export interface Refusals {
  /** Resolves when the refusal is stored, or counted to be stored within a second. Never rejects. */
  note(refusal: Refusal): Promise<void>;
  stop(): Promise<void>;
}

/** Rows a second, of one kind and of all. */
const rowsMaxOfKind = 10;
const rowsMax = 200;
/** Kinds that are counted apart; the rest is counted by code alone. */
const kindsMax = 1000;
const windowMs = 1000;

interface Kind {
  rows: number;
  /** What of it is not a row yet. */
  rest: Refusal | null;
}

export function createRefusals(
  sql: Sql,
  log: Pick<Log, "warn">,
  onRefused: (code: string, count: number) => void,
): Refusals {
  const kinds = new Map<string, Kind>();
  let rows = 0;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let storing: Promise<void> = Promise.resolve();

  function store(refusals: readonly Refusal[]): Promise<void> {
    const decisions = refusals.map(
      (refusal): NewDecision => ({ ...refusal, decisionId: newTimeUuid(), kind: "ingest", jobId: null }),
    );
    return storeDecisions(sql, decisions).catch((error: unknown) => {
      log.warn({ err: error, refusals: refusals.length }, "refusals to enqueue could not be stored");
    });
  }

  /** Ends the second: what was counted becomes a row of each kind. */
  function flush(): void {
    timer = null;
    const rest = [...kinds.values()].flatMap((kind) => (kind.rest === null ? [] : [kind.rest]));
    kinds.clear();
    rows = 0;
    if (rest.length > 0) storing = store(rest);
  }

  function kindOf(refusal: Refusal): { kind: Kind; refusal: Refusal } {
    const name = `${refusal.code}\n${refusal.service}\n${refusal.queue}`;
    const known = kinds.get(name);
    if (known !== undefined) return { kind: known, refusal };
    const isCrowded = kinds.size >= kindsMax;
    const key = isCrowded ? refusal.code : name;
    const kind = kinds.get(key) ?? { rows: isCrowded ? rowsMaxOfKind : 0, rest: null };
    kinds.set(key, kind);
    return { kind, refusal: isCrowded ? { ...refusal, queue: "*", service: null, jobType: null } : refusal };
  }

  return {
    async note(given) {
      onRefused(given.code, given.count);
      const { kind, refusal } = kindOf(given);
      timer ??= setTimeout(flush, windowMs);
      if (kind.rows < rowsMaxOfKind && rows < rowsMax) {
        kind.rows += 1;
        rows += 1;
        await store([refusal]);
        return;
      }
      kind.rest = kind.rest === null ? refusal : { ...kind.rest, count: kind.rest.count + refusal.count };
    },
    async stop() {
      if (timer !== null) clearTimeout(timer);
      flush();
      await storing;
    },
  };
}
