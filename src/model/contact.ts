/** A contact that comes again and again: a pass for each tick of a pattern, planned some days ahead. */
import type { Instant } from "./clock.ts";
import type { Uuid } from "./ids.ts";

export interface ContactDefinition {
  readonly ship: string;
  readonly station: string | null;
  /** null: the configured one, as it is when a pass is planned; so are the margins. */
  readonly host: string | null;
  /** null: any free one of the range. */
  readonly port: number | null;
  /** AOS is each of its ticks. */
  readonly cron: string;
  readonly timezone: string;
  readonly durationS: number;
  readonly aheadDays: number;
  readonly prepassMarginS: number | null;
  readonly drainMarginS: number | null;
  readonly template: string | null;
  /** Absent: none, as in those that were saved before there were flows. */
  readonly flows?: readonly string[];
  readonly priority: number;
}

export interface ContactRow {
  readonly contact: string;
  readonly definition: ContactDefinition;
  /** Another one for each definition. */
  readonly versionId: Uuid;
  readonly plannedUntil: Instant;
  /** When it is planned on; null: its pattern has no tick any more. */
  readonly nextAt: Instant | null;
  /** Whoever saved it may write for these ships only: passes of others never give way to its own. Null: may write for all. */
  readonly ships: readonly string[] | null;
  readonly modifiedBy: string;
  readonly modifiedAt: Instant;
}
