/** One attempt of a task as JSON: what whoever called the flow is told, and what its trace keeps beside that. */
import type { TaskAttempt } from "./watch.ts";

export interface ShownAttempt {
  readonly attempt: number;
  /** Its wait for a turn included. */
  readonly duration_ms: number;
  /** In the executor; null: it was not asked. */
  readonly ran_ms: number | null;
  /** Null where there was no process, or it did not end by itself. */
  readonly exit_code: number | null;
  readonly pid: number | null;
  readonly error: string | null;
}

export interface TracedAttempt extends ShownAttempt {
  /** It ran far longer than is usual: 95 of 100 recent attempts took no longer than `usual_ms`, which is null of all others. */
  readonly outlier: boolean;
  readonly usual_ms: number | null;
  readonly stack: string | null;
  readonly stderr: string | null;
}

/** Of a task's input or output, of an error or a stack. */
const textCharsMax = 2_000;

export function shownAttempt({ attempt, durationMs, ranMs, result, error }: TaskAttempt): ShownAttempt {
  const { exitCode, pid } = error === null ? result : saidBy(error);
  return {
    attempt,
    duration_ms: roundedMs(durationMs),
    ran_ms: ranMs === null ? null : roundedMs(ranMs),
    exit_code: numberOr(exitCode),
    pid: numberOr(pid),
    error: error === null ? null : cut(error.message),
  };
}

export function tracedAttempt(attempt: TaskAttempt): TracedAttempt {
  const { error, usualMs } = attempt;
  const stderr = error === null ? null : saidBy(error).stderr;
  return {
    ...shownAttempt(attempt),
    outlier: usualMs !== null,
    usual_ms: usualMs === null ? null : roundedMs(usualMs),
    stack: error?.stack === undefined ? null : cut(error.stack),
    stderr: typeof stderr === "string" ? cut(stderr) : null,
  };
}

/** A process's errors say more than others. */
const saidBy = (error: Error) =>
  error as { readonly exitCode?: unknown; readonly pid?: unknown; readonly stderr?: unknown };

const numberOr = (given: unknown): number | null => (typeof given === "number" ? given : null);

/** To the microsecond. */
export const roundedMs = (ms: number): number => Math.round(ms * 1000) / 1000;

export function cut(text: string): string {
  if (text.length <= textCharsMax) return text;
  return `${text.slice(0, textCharsMax)}… (${text.length} characters)`;
}
