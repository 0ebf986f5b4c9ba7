/** Alarms of a node: raises those of late products, stores those of passes, tells this node's listeners of each change and the others, calls the webhook. */
import { repeat } from "../jobs/repeat.ts";
import { type AlarmRow, shownAlarm } from "../model/alarm.ts";
import { firstTimeUuid } from "../model/ids.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { type AlarmChanges, changeAlarms, clearEndedPasses } from "../store/alarm-changes.ts";
import {
  type Acknowledgement,
  type AlarmToSend,
  acknowledgeAlarm,
  noteSent,
  pruneAlarms,
  type SentAlarmRow,
  takeAlarmsToSend,
  triesMax,
} from "../store/alarms.ts";
import { settleDeadlines } from "../store/late-products.ts";
import type { PassLease } from "../store/pass-leases.ts";
import type { Database } from "../store/sql.ts";

export interface Alarms {
  /** Calls `hear` for each change that this node made. Returns how to stop it. */
  onChanged(hear: (alarm: AlarmRow) => void): () => void;
  /** False: the lease is lost, nothing was changed. `lease` null: whoever asks is no holder of a pass. Bears repetition. */
  change(lease: PassLease | null, changes: AlarmChanges): Promise<boolean>;
  /** Null: it is acknowledged already, or not there. */
  acknowledge(acknowledgement: Acknowledgement): Promise<SentAlarmRow | null>;
  /** Changes that nobody could store: the lease was lost meanwhile, or they were refused. */
  dropped(count: number): void;
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
  readonly metrics: Pick<Metrics, "alarms">;
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
  const { log, metrics, webhook, send, everyMs = 2000 } = parts;
  const { sql } = parts.database;
  const hasWebhook = webhook !== null;
  const hearers = new Set<(alarm: AlarmRow) => void>();
  const stopping = new AbortController();
  const duties: { stop(): Promise<void> }[] = [];

  function tell(changed: readonly AlarmRow[]): void {
    for (const alarm of changed) {
      const { alarmId, event, kind, severity, ship, passId, subject, datasetId, productId } = alarm;
      const about = { alarm: alarmId, kind, severity, ship, passId, subject, dataset: datasetId, product: productId };
      if (event === "raised" || event === "escalated") {
        metrics.alarms.raised.labels(kind, severity).inc();
        log.warn(about, `alarm ${event}`);
      } else log.info(about, `alarm ${event}`);
      for (const hear of hearers) hear(alarm);
    }
  }

  async function settle(): Promise<void> {
    for (;;) {
      const { settled, raised } = await settleDeadlines(sql, settledMax, hasWebhook);
      tell(raised);
      if (settled < settledMax || stopping.signal.aborted) return;
    }
  }

  async function clear(): Promise<void> {
    for (;;) {
      const cleared = await clearEndedPasses(sql, settledMax, hasWebhook);
      tell(cleared);
      if (cleared.length < settledMax || stopping.signal.aborted) return;
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
  async function deliverOne({ url, secrets: secret, allowPrivate }: AlarmWebhook, alarm: AlarmToSend): Promise<void> {
    const { alarmId, kind, sendEvent, sendChange, detail, tries } = alarm;
    const type = kind === "product.late" ? kind : `alarm.${sendEvent}`;
    const id = sendChange === 1 ? alarmId : `${alarmId}.${sendChange}`;
    const data = { ...shownAlarm(alarm), detail: JSON.parse(detail) };
    const at = (sendEvent === "cleared" ? alarm.clearedAt : null) ?? alarm.at;
    try {
      await send({ url, secret, type, data, id, at, allowPrivate, signal: stopping.signal });
    } catch (error) {
      const isLast = tries >= triesMax;
      log.warn(
        { err: error, alarm: alarmId, tries },
        isLast ? "an alarm's webhook is given up" : "an alarm's webhook failed",
      );
      return;
    }
    await noteSent(sql, alarm);
  }

  async function prune(): Promise<void> {
    const before = firstTimeUuid(Date.now() - keptDays * 86_400_000);
    while (!stopping.signal.aborted && (await pruneAlarms(sql, before, prunedMax)) === prunedMax);
  }

  return {
    onChanged(hear) {
      hearers.add(hear);
      return () => hearers.delete(hear);
    },
    async change(lease, changes) {
      const changed = await changeAlarms(sql, lease, changes, hasWebhook);
      tell(changed ?? []);
      return changed !== null;
    },
    async acknowledge(acknowledgement) {
      const alarm = await acknowledgeAlarm(sql, acknowledgement);
      if (alarm !== null) tell([alarm]);
      return alarm;
    },
    dropped: (count) => metrics.alarms.dropped.inc(count),
    start() {
      duties.push(
        repeat("deadlines", everyMs, log, settle),
        repeat("alarms of ended passes", everyMs, log, clear),
        repeat("alarms to prune", pruneEveryMs, log, prune),
      );
      if (webhook !== null) duties.push(repeat("alarms to send", everyMs, log, () => deliver(webhook)));
    },
    async stop() {
      stopping.abort();
      await Promise.all(duties.map((duty) => duty.stop()));
    },
  };
}
