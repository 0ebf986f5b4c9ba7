/** The words of alarms: what they are about, how grave they are, what happens to them. */
import type { Instant } from "./clock.ts";
import type { DatasetId, ProductId, Uuid } from "./ids.ts";
import type { JsonText } from "./json.ts";
import type { PassId } from "./pass.ts";

export const alarmKinds = [
  "parameter.limit",
  "pass.stale",
  "pass.kernel_drops",
  "pass.completeness",
  "product.late",
] as const;

export const acknowledgeCommentMax = 500;

/** Each graver than the one before; stored as 1, 2, 3. */
export const severities = ["watch", "warning", "critical"] as const;
export type Severity = (typeof severities)[number];

export const severityLevel = (severity: Severity): number => severities.indexOf(severity) + 1;
export const severityOf = (level: number): Severity => severities[level - 1] ?? "critical";

export const alarmStates = ["active", "unacknowledged", "all"] as const;

/** All but `acknowledged` are also sent to the webhook. */
export type AlarmEvent = "raised" | "escalated" | "cleared" | "acknowledged";

export interface AlarmRow {
  readonly alarmId: Uuid;
  /** One of `alarmKinds`, unless a newer version wrote it. */
  readonly kind: string;
  /** The gravest since it was raised. */
  readonly severity: Severity;
  readonly ship: string | null;
  readonly passId: PassId | null;
  /** The parameter or the packet; empty: the pass as a whole, or the product. */
  readonly subject: string;
  readonly datasetId: DatasetId | null;
  readonly productId: ProductId | null;
  readonly at: Instant;
  /** How often it was raised before it was both cleared and acknowledged. */
  readonly raised: number;
  /** Since when its condition is over; null: it is not. */
  readonly clearedAt: Instant | null;
  /** Why it is over, where that is not that the condition went away. */
  readonly resolution: string | null;
  readonly acknowledgedAt: Instant | null;
  readonly acknowledgedBy: string | null;
  readonly comment: string | null;
  /** Counts what a webhook is told of. */
  readonly change: number;
  /** The last of them. */
  readonly event: AlarmEvent;
  readonly detail: JsonText;
}

/** It stays active until it is both over and acknowledged. */
export const isActive = ({ clearedAt, acknowledgedAt }: Pick<AlarmRow, "clearedAt" | "acknowledgedAt">): boolean =>
  clearedAt === null || acknowledgedAt === null;

/** As the API, live events and webhooks show an alarm, but for `detail`, which is JSON already. */
export function shownAlarm(alarm: AlarmRow) {
  return {
    id: alarm.alarmId,
    kind: alarm.kind,
    severity: alarm.severity,
    active: isActive(alarm),
    ship: alarm.ship,
    pass_id: alarm.passId,
    subject: alarm.subject,
    dataset_id: alarm.datasetId,
    product_id: alarm.productId,
    at: alarm.at,
    raised: alarm.raised,
    cleared_at: alarm.clearedAt,
    resolution: alarm.resolution,
    acknowledged_at: alarm.acknowledgedAt,
    acknowledged_by: alarm.acknowledgedBy,
    comment: alarm.comment,
  };
}
