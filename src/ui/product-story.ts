/** What became of a product, the newest first: the turns that changed it, and the attempts at computing it. */
import { epochMsOf, type Instant } from "../model/clock.ts";
import { parseUuid } from "../model/ids.ts";
import type { PastTurn } from "../store/history.ts";
import type { ProductAttempt } from "../store/product-attempts.ts";
import { duration } from "./figures.ts";
import { escapeHtml, stateMarkup, timeMarkup } from "./markup.ts";

interface Entry {
  readonly at: Instant;
  readonly markup: string;
}

const entriesMax = 60;

const causes: Readonly<Record<string, string>> = {
  "plan.publish": "published",
  "products.update": "reported",
  "products.clear": "cleared",
  "products.retry": "retried",
  "products.disable": "disabled",
  "products.enable": "enabled",
  "dataset.unpause": "unpaused",
  "attempt.started": "attempt began",
  "attempt.succeeded": "attempt succeeded",
  "attempt.failed": "attempt failed",
  "lease.expired": "lease ran out",
};

/** The shape and colour that an attempt's outcome has. */
const outcomeStates: Readonly<Record<string, string>> = {
  running: "running",
  succeeded: "success",
  failed: "failed",
  timed_out: "failed",
  lost: "missed",
  cancelled: "cancelled",
  superseded: "cancelled",
};

export const outcomeState = (outcome: string): string => outcomeStates[outcome] ?? "waiting";

export function storyMarkup(turns: readonly PastTurn[], attempts: readonly ProductAttempt[], nowMs: number): string {
  // An attempt says itself when it began.
  const told = attempts.length === 0 ? turns : turns.filter(({ cause }) => cause !== "attempt.started");
  const entries = [...told.flatMap((turn) => turned(turn, nowMs)), ...attempts.map((one) => attempted(one, nowMs))];
  entries.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
  if (entries.length === 0) return `<p class="muted">Nothing is recorded of it.</p>`;
  return `<ol class="story">${entries
    .slice(0, entriesMax)
    .map(({ markup }) => `<li>${markup}</li>`)
    .join("")}</ol>`;
}

/** What others did moved it too: a parent's success makes it ready, a parent that is done anew sends it back. */
function whyMoved({ service, cause }: PastTurn, to: string): string {
  const isReport = cause === "products.update" || cause === "attempt.succeeded";
  if (to === "queued" && isReport) return "its parents are done";
  if (to === "waiting" && isReport) return `a parent was reported by ${escapeHtml(service)}`;
  return `${escapeHtml(causes[cause] ?? cause)} by ${escapeHtml(service)}`;
}

function turned(turn: PastTurn, nowMs: number): Entry[] {
  const { at, changes } = turn;
  return changes.toReversed().map(({ to, why }) => ({
    at,
    markup:
      `${stateMarkup(to)} <span>${whyMoved(turn, to)}</span>${timeMarkup(at, nowMs)}` +
      (why === undefined ? "" : `<p class="why">${escapeHtml(why)}</p>`),
  }));
}

function attempted(one: ProductAttempt, nowMs: number): Entry {
  const { attempt, startedAt, finishedAt, outcome, workerId, code, error, outputTail } = one;
  const at = finishedAt ?? startedAt ?? "";
  const took = startedAt !== null && finishedAt !== null ? `, ${spanOf(startedAt, finishedAt)}` : "";
  const where =
    workerId === null ? "" : ` on <span title="${escapeHtml(workerId)}">${escapeHtml(shortId(workerId))}</span>`;
  const fault =
    error === null
      ? ""
      : `<p class="why">${code === null ? "" : `<code>${escapeHtml(code)}</code> `}${escapeHtml(error)}</p>`;
  const printed =
    outputTail === ""
      ? ""
      : `<details id="output-${one.jobId}-${one.token}"><summary>What it printed last</summary><pre>${escapeHtml(outputTail)}</pre></details>`;
  return {
    at,
    markup:
      `<span class="state ${outcomeState(outcome)}">attempt ${attempt} ${escapeHtml(outcome.replace("_", " "))}</span> ` +
      `<span>${where.trim()}${took}</span>${timeMarkup(at, nowMs)}${fault}${printed}`,
  };
}

/** A node is called by a uuid, whose beginning is enough to tell it from others. */
const shortId = (workerId: string): string => (parseUuid(workerId) === null ? workerId : workerId.slice(0, 8));

/** Shorter than ten seconds: in milliseconds or tenths. */
export function spanOf(from: Instant, to: Instant): string {
  const ms = Math.max(0, epochMsOf(to) - epochMsOf(from));
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms / 1000);
}
