/** Values as people read them: times in UTC and relative to now, durations, colours where a terminal shows them, nothing that could steer the terminal. */
import process from "node:process";
import { stripVTControlCharacters } from "node:util";

/** True when the output goes to a terminal whose user did not ask for plain text (https://no-color.org). */
export function showsColours(stream: { isTTY?: boolean } = process.stdout, env = process.env): boolean {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";
}

export type Colour = "red" | "green" | "yellow" | "blue" | "dim" | "bold" | "plain";
const codes: Readonly<Record<Colour, readonly [number, number] | null>> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  dim: [2, 22],
  bold: [1, 22],
  plain: null,
};

export function painted(text: string, colour: Colour, isOn = showsColours()): string {
  const code = isOn ? codes[colour] : null;
  return code ? `\x1b[${code[0]}m${text}\x1b[${code[1]}m` : text;
}

/** One colour a state, the same in every table. */
export function colourOfState(state: string): Colour {
  switch (state) {
    case "succeeded":
    case "success":
    case "completed":
    case "idle":
      return "green";
    case "dead":
    case "failed":
    case "lost":
    case "missed":
      return "red";
    case "running":
    case "receiving":
    case "busy":
      return "blue";
    case "backing-off":
    case "paused":
    case "draining":
    case "queued":
    case "leased":
      return "yellow";
    case "cancelled":
    case "disabled":
      return "dim";
    default:
      return "plain";
  }
}

const steering = /\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const steeringInLines = /(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu;

/** Text of others on one line: control characters would move the cursor or colour the terminal. */
export function clean(value: unknown): string {
  if (value === null || value === undefined || value === "") return "-";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return stripVTControlCharacters(text)
    .replace(/[\r\n\t]+/g, " ")
    .replace(steering, "\ufffd");
}

/** Clients' JSON beside other things: its beginning. `--json` shows all of it. */
export function excerpt(value: unknown, charsMax = 160): string {
  const text = clean(value);
  return text.length > charsMax ? `${text.slice(0, charsMax - 1).toWellFormed()}…` : text;
}

/** The same for text of many lines: its line ends and tabs stay. */
export function cleanLines(text: string): string {
  return stripVTControlCharacters(text).replaceAll("\r\n", "\n").replace(steeringInLines, "\ufffd");
}

/** `3 min ago`, `in 5 s`; `-` for no time. */
export function relative(date: string | null | undefined, nowMs = Date.now()): string {
  if (!date) return "-";
  const agoMs = nowMs - Date.parse(date);
  if (Number.isNaN(agoMs)) return clean(date);
  if (Math.abs(agoMs) < 1000) return "now";
  return agoMs > 0 ? `${duration(agoMs)} ago` : `in ${duration(-agoMs)}`;
}

/** `2026-01-31 10:20:30 UTC`, with the time from now. */
export function moment(date: string | null | undefined, nowMs = Date.now()): string {
  const atMs = date ? Date.parse(date) : Number.NaN;
  if (Number.isNaN(atMs)) return clean(date);
  return `${new Date(atMs).toISOString().slice(0, 19).replace("T", " ")} UTC (${relative(date, nowMs)})`;
}

/** The largest unit that fits, and no more: `850 ms`, `12 s`, `4 min`, `3 h`, `9 d`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "-";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${ms < 10_000 && ms % 1000 >= 50 ? (ms / 1000).toFixed(1) : Math.round(ms / 1000)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined ? "-" : `${(share * 100).toFixed(1)} %`;
