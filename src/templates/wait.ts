/**
 * The internal compute of `wait` tasks. Nothing waits but a row: an attempt that comes too early gives its job back, due when the
 * time has come. The wait counts from the making of the job, whose id holds that time, so that any node goes on with it.
 */
import type { Compute, Outcome, Task } from "../compute/compute.ts";
import { dispatchOf } from "../compute/compute.ts";
import { parseJson } from "../model/json.ts";
import { cronTicks } from "./cron.ts";
import { secondsOf } from "./duration.ts";
import { isZone } from "./zone.ts";

export function createWait(nowMs: () => number = Date.now): Compute {
  return { kind: "internal", ...dispatchOf({}, 64), run: async (task) => waited(task, nowMs()) };
}

function waited(task: Task, nowMs: number): Outcome {
  let untilMs: number;
  try {
    untilMs = untilMsOf(task.payload === null ? {} : parseJson(task.payload), madeMsOf(task.jobId) ?? nowMs);
  } catch (error) {
    return {
      outcome: "failed",
      error: error instanceof Error ? error.message : String(error),
      isFinal: true,
      output: "",
    };
  }
  if (untilMs > nowMs) return { outcome: "deferred", runInMs: untilMs - nowMs, output: "" };
  const passback = JSON.stringify({ waited_until: new Date(untilMs).toISOString() });
  return { outcome: "succeeded", passback, link: null, output: "" };
}

/** The time in a uuid of version 7, in ms; null: it is another one. */
export function madeMsOf(id: string): number | null {
  return id[14] === "7" ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : null;
}

/** `{wait_s: 90}`, `{until: "2026-01-31T06:00:00Z"}`, or `{until: "06:00", timezone: "Europe/Berlin"}`: the next one from `fromMs`. */
export function untilMsOf(passthrough: unknown, fromMs: number): number {
  const given = (typeof passthrough === "object" && passthrough !== null ? passthrough : {}) as Record<string, unknown>; // JSON
  const seconds = secondsOf(given.wait_s);
  if (seconds !== null) return fromMs + Math.round(seconds * 1000);
  const { until } = given;
  const zone = typeof given.timezone === "string" ? given.timezone : "UTC";
  if (typeof until !== "string" || !isZone(zone))
    throw new Error(
      'nothing to wait for: {"wait_s": seconds}, or {"until": time, "timezone": name}, is needed as passthrough',
    );
  const [, hour, minute, second = "00"] = /^(\d\d):(\d\d)(?::(\d\d))?$/.exec(until) ?? [];
  if (hour !== undefined) {
    const next = cronTicks(`${Number(second)} ${Number(minute)} ${Number(hour)} * * *`, zone).next(fromMs - 1);
    if (next !== null) return next;
  }
  const at = Date.parse(until);
  if (Number.isNaN(at)) throw new Error(`cannot wait until "${until}": it is no time`);
  return at;
}
