/** Which runs a backfill makes: one for each time of a range, or one for each set of parameters. Pure. */
import { InvalidFieldError } from "../model/errors.ts";
import { ticksOf } from "./cron.ts";
import { secondsOf } from "./duration.ts";
import { tickParams } from "./judge-ticks.ts";
import { completedParams, type Params, requirePass } from "./params.ts";
import type { Template } from "./templates.ts";
import { dateIn, instantOfWall } from "./zone.ts";

export interface BackfillAsk {
  /** RFC 3339, or a date: then its midnight in the schedule's zone. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly step?: number | string | undefined;
  readonly params?: Params | readonly Params[] | undefined;
}

export interface PlannedRun {
  /** RFC 3339 in UTC; null of a run that is for no time. */
  readonly at: string | null;
  readonly params: Params;
}

export const backfillRunsMax = 10_000;
/** Of all parameters together: they are kept, and come in one statement. */
const paramsBytesMax = 16 * 1024 * 1024;

/** Throws `InvalidFieldError` naming the field of the request. */
export function backfillRuns(template: Template, ask: BackfillAsk): PlannedRun[] {
  const runs = runsOf(template, ask);
  let sizeBytes = 0;
  for (const { params } of runs) {
    sizeBytes += Buffer.byteLength(JSON.stringify(params));
    if (sizeBytes > paramsBytesMax)
      throw new InvalidFieldError("params", `those of all runs have more than ${paramsBytesMax} bytes`);
  }
  return runs;
}

function runsOf(template: Template, ask: BackfillAsk): PlannedRun[] {
  const { params } = ask;
  if (ask.from === undefined && ask.to === undefined) {
    if (!Array.isArray(params))
      throw new InvalidFieldError("from", "either from and to, or a list of params, is needed");
    return params.map((one: Params, i) => ({ at: null, params: checkedParams(template, one, `params.${i}`) }));
  }
  if (ask.from === undefined || ask.to === undefined)
    throw new InvalidFieldError(ask.from === undefined ? "from" : "to", "a range has from and to");
  if (Array.isArray(params)) throw new InvalidFieldError("params", "with a range an object is needed, of every run");
  const runs = timesOf(template, ask).map((atMs) => ({
    at: new Date(atMs).toISOString().replace(/\.(\d{3})Z$/, ".$1000+00:00"),
    params: checkedParams(template, { ...ofTime(template, atMs), ...(params as Params | undefined) }, "params"),
  }));
  refuseRepetition(template, runs);
  return runs;
}

/** A run knows its time by its parameters alone: a range whose runs have the same ones would do one thing again and again. */
function refuseRepetition({ id }: Template, runs: readonly PlannedRun[]): void {
  const first = JSON.stringify(runs[0]?.params);
  if (runs.length < 2 || runs.some(({ params }) => JSON.stringify(params) !== first)) return;
  throw new InvalidFieldError(
    "from",
    `all ${runs.length} runs would have the same parameters, ${first.slice(0, 200)}: give the template "${id}" one of type date or datetime, which takes each run's time, or send a list of params instead of a range`,
  );
}

function timesOf(template: Template, ask: BackfillAsk): number[] {
  const zone = template.schedule?.timezone ?? "UTC";
  const fromMs = msOf(zone, ask.from ?? "");
  const toMs = msOf(zone, ask.to ?? "");
  if (toMs < fromMs) throw new InvalidFieldError("to", "the range ends before it begins");
  const times: number[] = [];
  const next = stepper(template, ask.step, zone);
  for (let at = next(fromMs, true); at !== null && at <= toMs; at = next(at, false)) {
    times.push(at);
    if (times.length > backfillRunsMax)
      throw new InvalidFieldError("to", `more than ${backfillRunsMax} runs: take a shorter range or a longer step`);
  }
  if (times.length === 0) throw new InvalidFieldError("to", "no run lies in the range");
  return times;
}

/** The first time (from `atMs` on), and the one after a time. */
function stepper(
  template: Template,
  step: number | string | undefined,
  zone: string,
): (atMs: number, isFirst: boolean) => number | null {
  if (step === undefined && template.schedule !== null) {
    const ticks = ticksOf(template.schedule);
    return (atMs, isFirst) => ticks.next(isFirst ? atMs - 1 : atMs);
  }
  const seconds = secondsOf(step ?? "1d");
  if (seconds === null || seconds < 1)
    throw new InvalidFieldError("step", 'seconds, or a text such as "1d" or "6h", are needed');
  const stepMs = Math.round(seconds * 1000);
  if (stepMs % dayMs !== 0) return (atMs, isFirst) => (isFirst ? atMs : atMs + stepMs);
  // Whole days are days of the zone: the same time of day, on days of 23 and 25 hours too.
  return (atMs, isFirst) => {
    if (isFirst) return atMs;
    const midnight = Date.parse(`${dateIn(zone, atMs)}T00:00:00Z`);
    const timeOfDayMs = atMs - instantOfWall(zone, midnight);
    return instantOfWall(zone, midnight + stepMs) + timeOfDayMs;
  };
}

const dayMs = 86_400_000;

function msOf(zone: string, text: string): number {
  const ms = Date.parse(text.length === 10 ? `${text}T00:00:00Z` : text);
  return text.length === 10 ? instantOfWall(zone, ms) : ms;
}

/** What a run of that time is given: as the schedule says; else the time itself, to the first parameter that is a date. */
function ofTime(template: Template, atMs: number): Params {
  const { schedule, params } = template;
  if (schedule !== null && Object.keys(schedule.params).length > 0) return tickParams(schedule, atMs);
  const [name, param] = [...params].find(([, { type }]) => type === "date" || type === "datetime") ?? [];
  if (name === undefined) return {};
  const at = new Date(atMs).toISOString().replace(".000Z", "Z");
  return { [name]: param?.type === "date" ? dateIn(schedule?.timezone ?? "UTC", atMs) : at };
}

function checkedParams(template: Template, params: Params, at: string): Params {
  try {
    const completed = completedParams(template, params, true);
    requirePass(template, completed);
    return completed;
  } catch (error) {
    if (!(error instanceof InvalidFieldError)) throw error;
    const { field } = error.members;
    const name = typeof field === "string" ? field : "params";
    throw new InvalidFieldError(name.replace(/^params/, at), error.message.replace(`${name}: `, ""));
  }
}
