/** How each of the last days went: a calendar of a template's runs, weeks side by side, in its schedule's zone. */

import { epochMsOf } from "../model/clock.ts";
import type { RunDay } from "../store/run-days.ts";
import type { TickRow } from "../store/schedules.ts";
import { dateIn, instantOfWall } from "../templates/zone.ts";

const calendarWeeks = 26;
const dayMs = 86_400_000;

/** What a day comes to, the gravest first: its class, colour and shape are those of the state. */
const verdicts = ["failed", "running", "paused", "missed", "success", "cancelled", "skipped"] as const;
type Counts = Partial<Record<(typeof verdicts)[number], number>>;

export interface CalendarDay {
  /** `2026-01-31`. */
  readonly date: string;
  readonly counts: Counts;
}

interface Span {
  readonly dates: readonly string[];
  /** When each begins, and when the last one ends. */
  readonly beginsMs: readonly number[];
}

/** Whole weeks, Monday first; the last one holds today, and ends with it. */
export function calendarSpan(zone: string, nowMs: number): Span {
  // Days are counted by their names, so that none is short or long.
  const today = Date.parse(`${dateIn(zone, nowMs)}T00:00:00Z`);
  const weekday = (new Date(today).getUTCDay() + 6) % 7;
  const first = today - (weekday + 7 * (calendarWeeks - 1)) * dayMs;
  const walls = Array.from({ length: (today - first) / dayMs + 2 }, (_, i) => first + i * dayMs);
  return {
    dates: walls.slice(0, -1).map((wallMs) => new Date(wallMs).toISOString().slice(0, 10)),
    beginsMs: walls.map((wallMs) => instantOfWall(zone, wallMs)),
  };
}

export function calendarDays(span: Span, runs: readonly RunDay[], ticks: readonly TickRow[]): CalendarDay[] {
  const days = span.dates.map((date) => ({ date, counts: {} as Counts }));
  const add = (day: number, what: keyof Counts, more: number): void => {
    const counts = days[day]?.counts;
    if (counts !== undefined) counts[what] = (counts[what] ?? 0) + more;
  };
  for (const { day, state, count } of runs) add(day, state, count);
  for (const { at, state } of ticks) {
    const atMs = epochMsOf(at);
    if (state === "skipped" || state === "missed")
      add(
        span.beginsMs.findLastIndex((from) => from <= atMs),
        state,
        1,
      );
  }
  return days;
}

/** `3 success, 1 failed`. */
const wordsOf = (counts: Counts): string =>
  verdicts.flatMap((verdict) => (counts[verdict] === undefined ? [] : [`${counts[verdict]} ${verdict}`])).join(", ");

const weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export function calendarMarkup(days: readonly CalendarDay[]): string {
  const weeks = Math.ceil(days.length / 7);
  const heads = Array.from({ length: weeks }, (_, week) => {
    const monday = days[week * 7]?.date ?? "";
    const isNew = monday.slice(5, 7) !== days[week * 7 - 7]?.date.slice(5, 7);
    return `<th scope="col"><span${isNew ? "" : ' class="unseen"'}>${months[Number(monday.slice(5, 7)) - 1]}</span></th>`;
  });
  const rows = weekdays.map((name, weekday) => {
    const cells = Array.from({ length: weeks }, (_, week) => cell(days[week * 7 + weekday]));
    return `<tr><th scope="row">${name}</th>${cells.join("")}</tr>`;
  });
  const legend = verdicts.slice(0, 6).map((verdict) => `<li><span class="day ${verdict}"></span>${verdict}</li>`);
  return (
    `<table class="calendar"><thead><tr><td></td>${heads.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>` +
    `<ul class="day-legend">${legend.join("")}</ul>`
  );
}

function cell(day: CalendarDay | undefined): string {
  if (day === undefined) return "<td></td>";
  const verdict = verdicts.find((known) => day.counts[known] !== undefined);
  const words = verdict === undefined ? "nothing ran" : wordsOf(day.counts);
  return `<td><span class="day ${verdict ?? "none"}" title="${day.date}: ${words}"><span class="unseen">${day.date}: ${words}</span></span></td>`;
}
