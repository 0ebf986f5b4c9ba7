/** Judges one template's ticks in one transaction: those that are due by its policies, and those that waited for another run's end. */
import type { Clock } from "../model/clock.ts";
import { derivedUuid } from "../model/ids.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import {
  countQueuedTicks,
  fireQueuedTick,
  holdSchedule,
  insertTick,
  moveSchedule,
  queuedTicks,
  type TickState,
} from "../store/schedules.ts";
import type { Database, Sql } from "../store/sql.ts";
import { countUnfinished, type SeenRun, startRun } from "../store/template-runs.ts";
import { ticksOf } from "./cron.ts";
import { dueTicks, lastTick } from "./cron-policy.ts";
import { filled } from "./placeholders.ts";
import type { Schedule, Template, Templates } from "./templates.ts";
import { dateIn } from "./zone.ts";

export interface JudgeParts {
  readonly database: Pick<Database, "sql">;
  readonly templates: Templates;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The database's clock decides; a test may replace it. */
  readonly nowMs?: () => number;
  readonly graceMs?: number;
}

/** A tick that is no older counts as on time: a node may be stopped and another started in so long. */
const graceMs = 60_000;
const firedAtOnceMax = 100;
/** Ticks that wait for a run's end; one more is skipped. */
const queuedMax = 1000;

/** Returns how many runs it started. Does nothing while another node holds the schedule, or when the template has changed. */
export async function judgeTicks(parts: JudgeParts, templateId: string, version: number): Promise<number> {
  const template = await parts.templates.ofVersion(templateId, version);
  const schedule = template?.schedule ?? null;
  if (template === undefined || schedule === null) return 0;
  const ticks = ticksOf(schedule);
  const counts: Partial<Record<TickState, number>> = {};
  const ended: string[] = [];
  const started = await parts.database.sql.begin(async (tx) => {
    const row = await holdSchedule(tx, templateId, version);
    if (row === null) return 0;
    const nowMs = parts.nowMs?.() ?? row.nowMs;
    const { missed, windowS } = schedule;
    const policy = { missed, windowMs: windowS * 1000, graceMs: parts.graceMs ?? graceMs, countMax: firedAtOnceMax };
    const due = dueTicks(ticks, { cursorMs: row.cursorMs, nowMs, ...policy });
    const { room, finished } = await roomOf(tx, templateId, schedule);
    for (const { state } of finished) ended.push(state);
    let fired = 0;
    const fire = async (atMs: number) => {
      fired += 1;
      return await startTick(tx, parts, template, schedule, atMs);
    };
    const note = async (atMs: number, state: TickState, runId: string | null = null) => {
      if (await insertTick(tx, { templateId, atMs, state, runId })) counts[state] = (counts[state] ?? 0) + 1;
    };
    const waiting = await queuedTicks(tx, templateId, Math.min(room, firedAtOnceMax));
    for (const atMs of waiting) {
      await fireQueuedTick(tx, templateId, atMs, await fire(atMs));
      counts.fired = (counts.fired ?? 0) + 1;
    }
    let queued = schedule.overlap === "queue" ? await countQueuedTicks(tx, templateId) : 0;
    for (const atMs of due.fire) {
      if (fired < room && queued === 0) await note(atMs, "fired", await fire(atMs));
      else if (schedule.overlap === "queue" && queued < queuedMax) {
        await note(atMs, "queued");
        queued += 1;
      } else await note(atMs, "skipped");
    }
    if (due.passedOver !== null) await note(due.passedOver, "missed");
    await moveSchedule(tx, { templateId, cursorMs: due.cursorMs, nextMs: due.nextMs });
    return fired;
  });
  for (const [outcome, count] of Object.entries(counts)) parts.metrics.templates.ticks.labels(outcome).inc(count);
  parts.metrics.templates.triggered.labels("cron").inc(started);
  for (const state of ended) parts.metrics.templates.finished.labels(state).inc();
  if (counts.skipped || counts.missed) parts.log.info({ template: templateId, ...counts }, "ticks were passed over");
  return started;
}

/** How many more runs may begin, and those that were found finished in asking. */
async function roomOf(
  tx: Sql,
  templateId: string,
  { overlap, runsMax }: Schedule,
): Promise<{ readonly room: number; readonly finished: readonly SeenRun[] }> {
  if (overlap === "allow") return { room: Number.MAX_SAFE_INTEGER, finished: [] };
  const { count, finished } = await countUnfinished(tx, templateId);
  return { room: Math.max(runsMax - count, 0), finished };
}

async function startTick(
  tx: Sql,
  { clock }: JudgeParts,
  template: Template,
  schedule: Schedule,
  atMs: number,
): Promise<string> {
  const at = new Date(atMs).toISOString();
  const runId = derivedUuid("cron", template.id, at);
  await startRun(tx, {
    ...{ runId, templateId: template.id, version: template.version, source: "cron", sourceKey: `${template.id}@${at}` },
    params: tickParams(schedule, atMs),
    ...{ triggeredBy: "orrery", forAt: at, at: clock.now() },
  });
  return runId;
}

/** `{{ tick.at }}`, `{{ tick.date }}` in the schedule's zone, `{{ tick.previous }}`: the tick before. */
export function tickParams(schedule: Schedule, atMs: number): Readonly<Record<string, unknown>> {
  if (Object.keys(schedule.params).length === 0) return {};
  const before = lastTick(ticksOf(schedule), atMs - previousMsMax, atMs - 1) ?? atMs;
  const shown = (epochMs: number) => new Date(epochMs).toISOString().replace(".000Z", "Z");
  const tick = { at: shown(atMs), date: dateIn(schedule.timezone, atMs), previous: shown(before) };
  return filled(schedule.params, { tick }) as Record<string, unknown>; // of a mapping
}

/** Leap days come every four years, save once a century. */
const previousMsMax = 8.1 * 366 * 86_400_000;
