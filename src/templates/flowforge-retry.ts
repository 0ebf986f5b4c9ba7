/** FlowForge's retry policies, of a workflow or a task: attempts, and the kinds of backoff in all their spellings. */
import { defaults, type RetryRule } from "../compute/compute.ts";
import type { Place } from "./place.ts";

export interface Retry {
  readonly attempts: number | null;
  readonly rule: RetryRule | null;
}

/** A policy, or a bare number: of retries after the first attempt. */
export function retryOf(place: Place): Retry {
  if (!place.isThere) return { attempts: null, rule: null };
  if (!place.isMapping) return { attempts: (place.countOr(undefined) ?? 0) + 1, rule: null };
  const attempts = place.at("maxAttempts", "max_attempts").countOr(undefined) ?? null;
  const backoff = place.at("backoff", "strategy");
  const kind = (backoff.isMapping ? backoff.at("type", "kind") : backoff).textOr(undefined);
  const from = (...names: [string, ...string[]]) => {
    const found = place.at(...names);
    if (found.isThere) return Math.round(found.duration() * 1000);
    const inner = backoff.isMapping ? backoff.at(...names) : found;
    return inner.isThere ? Math.round(inner.duration() * 1000) : undefined;
  };
  const baseMs = from(
    "initialIntervalSecs",
    "initial_interval_secs",
    "initialDelaySecs",
    "initial",
    "delaySecs",
    "delay",
    "base",
  );
  const maxMs = from("maxIntervalSecs", "max_interval_secs", "maxDelaySecs", "max");
  if (kind === undefined && baseMs === undefined && maxMs === undefined) return { attempts, rule: null };
  const jitter = place.at("jitterFactor", "jitter_factor", "jitter");
  const plain = (kind ?? "exponential").toLowerCase().replace(/[^a-z]/g, "");
  const rule = backoffs[plain];
  if (rule === undefined)
    throw backoff.error(
      `unknown backoff "${kind}": exponential, exponential_with_jitter, linear, fixed and none are read`,
    );
  const base = plain === "none" || plain === "immediate" ? 0 : (baseMs ?? defaults.retry.baseMs);
  return {
    attempts,
    rule: {
      kind: rule.kind,
      baseMs: base,
      maxMs: Math.max(maxMs ?? defaults.retry.maxMs, base),
      jitter: rule.jitter ?? (jitter.isThere && jitter.value !== 0 && jitter.value !== false),
    },
  };
}

const backoffs: Readonly<Record<string, { readonly kind: RetryRule["kind"]; readonly jitter?: boolean }>> = {
  exponential: { kind: "exponential" },
  exponentialwithjitter: { kind: "exponential", jitter: true },
  exponentialjitter: { kind: "exponential", jitter: true },
  linear: { kind: "linear" },
  fixed: { kind: "fixed" },
  constant: { kind: "fixed" },
  none: { kind: "fixed" },
  immediate: { kind: "fixed" },
};
