/** The settings of a policy as HTTP names them: which a scope has, what they may be, how they are shown. */
import { z } from "@hono/zod-openapi";
import { InvalidFieldError } from "../model/errors.ts";
import type { PolicyScope } from "../model/policy.ts";
import type { PolicyLimits } from "../model/policy-limits.ts";
import { checked } from "./check.ts";

const whole = (max: number) => z.int().min(1).max(max).nullish();
const perS = z.number().positive().max(1_000_000).nullish();
const jobsMax = 2_000_000_000;

/** Absent: unchanged. Null: no limit. */
const shape = {
  paused: z.boolean().optional(),
  concurrency: z.int().min(0).max(1_000_000).nullish(),
  key_concurrency: whole(1_000_000),
  rate_per_s: perS,
  rate_burst: whole(1_000_000),
  enqueue_per_s: perS,
  enqueue_burst: whole(1_000_000),
  depth_max: z.int().min(0).max(jobsMax).nullish(),
  payload_bytes_max: z
    .int()
    .min(0)
    .max(16 * 1024 * 1024)
    .nullish(),
  retries_per_min: z.int().min(0).max(jobsMax).nullish(),
};

type Setting = keyof typeof shape;

const limitNames: Readonly<Record<Setting, keyof PolicyLimits>> = {
  paused: "paused",
  concurrency: "concurrencyMax",
  key_concurrency: "keyConcurrencyMax",
  rate_per_s: "ratePerS",
  rate_burst: "rateBurst",
  enqueue_per_s: "enqueuePerS",
  enqueue_burst: "enqueueBurst",
  depth_max: "depthMax",
  payload_bytes_max: "payloadBytesMax",
  retries_per_min: "retriesPerMin",
};

const settings = Object.keys(limitNames) as Setting[]; // its own keys

const settingsOf: Readonly<Record<PolicyScope, readonly Setting[]>> = {
  queue: settings,
  job_type: ["paused", "concurrency", "rate_per_s", "rate_burst"],
  dataset: ["concurrency"],
};

export const PolicySettings = z
  .object(shape)
  .openapi("PolicySettings", { description: "Absent: unchanged. null: no limit" });

/** The changes that a body asks for. A setting that is not known, or that the scope does not have, is a bad field. */
export function readSettings(parsed: unknown, scope: PolicyScope): Partial<PolicyLimits> {
  const given = checked(PolicySettings, parsed);
  const own = settingsOf[scope];
  // It is an object, or the check had thrown.
  for (const name of Object.keys(parsed as object)) {
    if (own.some((setting) => setting === name)) continue;
    throw new InvalidFieldError(name, `no such setting of a ${scope.replace("_", " ")}: ${own.join(", ")}`);
  }
  const changes: [keyof PolicyLimits, unknown][] = [];
  for (const setting of own) if (given[setting] !== undefined) changes.push([limitNames[setting], given[setting]]);
  return Object.fromEntries(changes) as Partial<PolicyLimits>; // checked above, name by name
}

export function shownLimits(limits: PolicyLimits): Record<string, unknown> {
  return Object.fromEntries(settings.map((setting) => [setting, limits[limitNames[setting]]]));
}

const count = z.int().nullable();

/** As they are shown. */
export const shownSettings = {
  paused: z.boolean(),
  concurrency: count,
  key_concurrency: count,
  rate_per_s: z.number().nullable(),
  rate_burst: count,
  enqueue_per_s: z.number().nullable(),
  enqueue_burst: count,
  depth_max: count,
  payload_bytes_max: count,
  retries_per_min: count,
};
