/**
 * Plans the passes of contacts ahead, on every node. A contact's row is held while its ticks become passes, in one commit with how
 * far it is planned: among N nodes, and over restarts, a tick becomes one pass. Where two passes meet, the lower priority gives way.
 */
import type { GroundConfig } from "../config.ts";
import { poll, type Repeating } from "../jobs/repeat.ts";
import { type Clock, epochMsOf, instantOf } from "../model/clock.ts";
import type { ContactRow } from "../model/contact.ts";
import { derivedUuid } from "../model/ids.ts";
import type { PassDefinition, PassRow } from "../model/pass.ts";
import type { Log } from "../observe/log.ts";
import { dueContacts, holdContact, moveContact } from "../store/contacts.ts";
import { databaseNowMs, lockPlanning, type PassPlan, planPassesIn } from "../store/pass-plan.ts";
import type { Sql } from "../store/sql.ts";
import { cronTicks, type Ticks } from "../templates/cron.ts";

export interface ContactPlannerParts {
  readonly sql: Sql;
  readonly settings: GroundConfig;
  readonly clock: Clock;
  readonly log: Log;
  /** A pass was planned or cancelled. */
  readonly onChanged: (pass: PassRow) => void;
  readonly pollMs?: number;
}

const contactsAtOnceMax = 100;
/** A tick costs some 0.4 ms to find: the event loop has other work too. */
const passesAtOnceMax = 50;
const dayMs = 86_400_000;
/** Ticks that came while no node ran are told of as missed passes, if they are no older. */
const lookBackMs = dayMs;
/** Where every port is taken, room may be made. */
const noPortRetryMs = 60_000;

export class ContactPlanner {
  readonly #parts: ContactPlannerParts;
  #polling: Repeating | null = null;

  constructor(parts: ContactPlannerParts) {
    this.#parts = parts;
  }

  start(): void {
    const { pollMs = 1_000, log } = this.#parts;
    this.#polling = poll("contacts", pollMs, log, async () => {
      const isMore = await this.#look().catch((error: unknown) => {
        log.warn({ err: error }, "contacts could not be planned: the next poll tries again");
        return false;
      });
      return isMore ? 0 : pollMs;
    });
  }

  async stop(): Promise<void> {
    await this.#polling?.stop();
  }

  /** A contact was saved: look now. */
  wake(): void {
    this.#polling?.now();
  }

  /** True: there is more to plan at once. */
  async #look(): Promise<boolean> {
    const { sql, onChanged, log } = this.#parts;
    let planned = 0;
    for (const contact of await dueContacts(sql, contactsAtOnceMax)) {
      const plan = await sql.begin((tx) => this.#planOn(tx, contact));
      if (plan === null) continue;
      for (const pass of [...plan.cancelled, ...plan.passes]) onChanged(pass);
      planned += plan.passes.length;
      log.info({ contact, passes: plan.passes.length, cancelled: plan.cancelled.length }, "contact planned ahead");
    }
    return planned > 0;
  }

  /** The lock first, in the order of whoever changes a contact. */
  async #planOn(tx: Sql, contact: string): Promise<PassPlan | null> {
    const { settings, clock, log } = this.#parts;
    await lockPlanning(tx);
    const row = await holdContact(tx, contact);
    if (row === null) return null;
    const nowMs = await databaseNowMs(tx);
    const ticks = cronTicks(row.definition.cron, row.definition.timezone);
    const untilMs = nowMs + row.definition.aheadDays * dayMs;
    const fromMs = Math.max(epochMsOf(row.plannedUntil), nowMs - lookBackMs);
    const due = ticksBetween(ticks, fromMs, untilMs, passesAtOnceMax);
    const asked = due.map((tickMs) => this.#passAt(row, tickMs));
    const { portMin, portMax } = settings;
    const rules = {
      policy: "priority",
      portMin,
      portMax,
      by: row.modifiedBy,
      at: clock.now(),
      contact,
      ...(row.ships && { ships: row.ships }),
    } as const;
    let plan = await planPassesIn(tx, asked, rules);
    const [refused] = plan.refusals;
    if (refused !== undefined) {
      log.warn({ contact, aos: asked[refused.index]?.aos }, "contact cannot be planned yet: every port is taken");
      plan = await planPassesIn(tx, asked.slice(0, refused.index), rules);
    }
    const doneMs = refused === undefined ? due.at(-1) : due[refused.index - 1];
    const cursorMs = doneMs ?? fromMs;
    const nextTickMs = ticks.next(cursorMs);
    const nextMs =
      refused === undefined ? nextTickMs && nextTickMs - row.definition.aheadDays * dayMs : nowMs + noPortRetryMs;
    const nextAt = nextMs === null ? null : instantOf(nextMs);
    await moveContact(tx, { contact, plannedUntil: instantOf(cursorMs), nextAt });
    return plan;
  }

  #passAt({ definition, versionId, contact }: ContactRow, tickMs: number): PassDefinition {
    const { settings } = this.#parts;
    const { ship, station, port, template, priority, prepassMarginS, drainMarginS } = definition;
    return {
      passId: derivedUuid("contact", contact, versionId, instantOf(tickMs)),
      ...{ ship, station, port, template, priority },
      flows: definition.flows ?? [],
      host: definition.host ?? settings.host,
      aos: instantOf(tickMs),
      los: instantOf(tickMs + definition.durationS * 1000),
      prepassMarginMs: Math.round((prepassMarginS ?? settings.prepassMarginS) * 1000),
      drainMarginMs: Math.round((drainMarginS ?? settings.drainMarginS) * 1000),
      requestDigest: versionId,
    };
  }
}

/** In order, each after `fromMs` and not after `toMs`. */
export function ticksBetween(ticks: Ticks, fromMs: number, toMs: number, countMax: number): number[] {
  const found: number[] = [];
  for (let at = ticks.next(fromMs); at !== null && at <= toMs && found.length < countMax; at = ticks.next(at))
    found.push(at);
  return found;
}
