/** Watches deadlines: raises an alarm for each product that is late, tells this node's listeners and the others, calls the webhook. */
import { repeat } from "../jobs/repeat.ts";
import { firstTimeUuid } from "../model/ids.ts";
import type { Log } from "../observe/log.ts";
import { type AlarmRow, noteSent, pruneAlarms, settleDeadlines, takeAlarmsToSend, triesMax } from "../store/alarms.ts";
import type { Database } from "../store/sql.ts";

export interface Alarms {
  /** Calls `hear` for each alarm that this node raised. Returns how to stop it. */
  onRaised(hear: (alarm: AlarmRow) => void): () => void;
  start(): void;
  stop(): Promise<void>;
}

/** Where alarms go, signed as Standard Webhooks says. */
export interface AlarmWebhook {
  readonly url: string;
  readonly secrets: readonly string[];
  readonly allowPrivate: boolean | readonly string[];
}

/** Sends once; rejects unless the receiver took it. */
export type SendWebhook = (ask: {
  readonly url: string;
  readonly secret: readonly string[];
  readonly type: string;
  readonly data: unknown;
  readonly id: string;
  readonly at: string;
  readonly allowPrivate: boolean | readonly string[];
  readonly signal: AbortSignal;
}) => Promise<unknown>;

export interface AlarmsParts {
  readonly database: Pick<Database, "sql">;
  readonly log: Log;
  readonly webhook: AlarmWebhook | null;
  readonly send: SendWebhook;
  /** How late an alarm may be. */
  readonly everyMs?: number;
}

const settledMax = 200;
const sentMax = 10;
const keptDays = 90;
const pruneEveryMs = 3_600_000;
const prunedMax = 1000;

export function createAlarms(parts: AlarmsParts): Alarms {
  const { log, webhook, send, everyMs = 2000 } = parts;
  const { sql } = parts.database;
  const hearers = new Set<(alarm: AlarmRow) => void>();
  const stopping = new AbortController();
  const duties: { stop(): Promise<void> }[] = [];

  async function settle(): Promise<void> {
    for (;;) {
      const { settled, raised } = await settleDeadlines(sql, settledMax, webhook !== null);
      for (const alarm of raised) {
        log.warn({ alarm: alarm.alarmId, dataset: alarm.datasetId, product: alarm.productId }, "a product is late");
        for (const hear of hearers) hear(alarm);
      }
      if (settled < settledMax || stopping.signal.aborted) return;
    }
  }

  async function deliver(to: AlarmWebhook): Promise<void> {
    for (;;) {
      const taken = await takeAlarmsToSend(sql, sentMax);
      await Promise.all(taken.map((alarm) => deliverOne(to, alarm)));
      if (taken.length < sentMax || stopping.signal.aborted) return;
    }
  }

  /** At least once: a receiver knows a repetition by its id. */
  async function deliverOne(to: AlarmWebhook, alarm: AlarmRow & { tries: number }): Promise<void> {
    const { alarmId, kind, datasetId, productId, at, detail, tries } = alarm;
    const data = { id: alarmId, kind, dataset_id: datasetId, product_id: productId, at, detail: JSON.parse(detail) };
    const { url, secrets: secret, allowPrivate } = to;
    try {
      await send({ url, secret, type: kind, data, id: alarmId, at, allowPrivate, signal: stopping.signal });
    } catch (error) {
      const isLast = tries >= triesMax;
      log.warn(
        { err: error, alarm: alarmId, tries },
        isLast ? "an alarm's webhook is given up" : "an alarm's webhook failed",
      );
      return;
    }
    await noteSent(sql, alarmId);
  }

  async function prune(): Promise<void> {
    const before = firstTimeUuid(Date.now() - keptDays * 86_400_000);
    while (!stopping.signal.aborted && (await pruneAlarms(sql, before, prunedMax)) === prunedMax);
  }

  return {
    onRaised(hear) {
      hearers.add(hear);
      return () => hearers.delete(hear);
    },
    start() {
      duties.push(repeat("deadlines", everyMs, log, settle), repeat("alarms to prune", pruneEveryMs, log, prune));
      if (webhook !== null) duties.push(repeat("alarms to send", everyMs, log, () => deliver(webhook)));
    },
    async stop() {
      stopping.abort();
      await Promise.all(duties.map((duty) => duty.stop()));
    },
  };
}
