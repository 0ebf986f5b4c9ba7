/** @jsxImportSource hono/jsx */
/** The page of queues: what waits and since when, what runs, what ended lately, what limits them. */
import { defaultGuardrails, keyConcurrencyDefault, type PolicyLimits, type PolicyRow } from "../model/policy-limits.ts";
import type { QueueEnds } from "../store/overview.ts";
import type { QueueDepth } from "../store/queue-depths.ts";
import { type ActionField, actionMarkup, may, needsRole } from "./actions.ts";
import { count, share, size } from "./figures.ts";
import { queueLink } from "./job-rows.ts";
import type { Look } from "./look.ts";
import { escapeHtml, type Figure, figuresMarkup, timeMarkup } from "./markup.ts";
import { emptyCard, type Row, tabbedPage, tableCard } from "./tabs.tsx";

export interface ShownQueue {
  readonly name: string;
  readonly limits: PolicyLimits;
  readonly depth: QueueDepth | undefined;
  /** By steps of `endStepS` seconds, the newest first. */
  readonly ends: readonly QueueEnds[];
}

export interface Queues {
  readonly queues: readonly ShownQueue[];
  readonly policies: readonly PolicyRow[];
  readonly dead: number;
  /** Dead letters are counted up to here. */
  readonly deadMax: number;
}

export const endWindowS = 300;
export const endStepS = 10;
/** Rates are of the last minute. */
const rateSteps = 60 / endStepS;
const policiesShownMax = 200;

export function queuesPage(queues: Queues, look: Look): string {
  return tabbedPage({ section: "jobs", tab: "/job", title: "Queues", part: queuesPart(queues, look) }, look);
}

export function queuesPart({ queues, policies, dead, deadMax }: Queues, look: Look): string {
  const rows = queues.map((queue) => queueRow(queue, look));
  const columns = ["Queue", "State", "#Waiting", "Waits since", "#Ahead", "#Running", "#Ended", "Last 5 minutes"];
  const why = may(look, "operate")
    ? ""
    : `<p class="under">${needsRole(look, "operate", "pause or limit a queue")}</p>`;
  return (
    summary(queues, dead, deadMax) +
    `<div class="block">${tableCard("Queues", [...columns, "Limits", ""], rows, "queues")}${why}</div>` +
    `<div class="block"><h2>Policies</h2>${policyTable(policies, look.nowMs)}</div>`
  );
}

function summary(queues: readonly ShownQueue[], dead: number, deadMax: number): string {
  const sum = (of: (queue: ShownQueue) => number): number => queues.reduce((total, queue) => total + of(queue), 0);
  const [succeeded, died, retried] = [sum(recent("succeeded")), sum(recent("dead")), sum(recent("retried"))];
  const attempts = succeeded + died + retried;
  const figures: Figure[] = [
    ["Waiting", count(sum(waiting)), `${count(sum(({ depth }) => depth?.held ?? 0))} held by a limit`],
    ["Running", count(sum(({ depth }) => depth?.running ?? 0)), "leased or begun"],
    ["Ahead", count(sum(({ depth }) => depth?.scheduled ?? 0)), "scheduled or backing off"],
    ["Ended", rate(succeeded + died), "in the last minute"],
    ["Succeeded", attempts === 0 ? "–" : share(succeeded / attempts), "of attempts in the last minute"],
    [
      "Dead letters",
      `<a href="/dead-letter">${dead >= deadMax ? `${count(deadMax)}+` : count(dead)}</a>`,
      dead === 0 ? "nothing to do" : "look, then redrive",
    ],
  ];
  return figuresMarkup(figures);
}

const waiting = ({ depth }: ShownQueue): number => (depth?.ready ?? 0) + (depth?.held ?? 0);

const recent =
  (what: "succeeded" | "dead" | "retried") =>
  ({ ends }: ShownQueue): number =>
    ends.reduce((sum, end) => sum + (end.step < rateSteps ? end[what] : 0), 0);

/** So many in the last minute: a second when there are many. */
function rate(ended: number): string {
  return ended < 60 ? `${count(ended)}/min` : `${ended < 600 ? (ended / 60).toFixed(1) : count(ended / 60)}/s`;
}

function queueRow(queue: ShownQueue, look: Look): Row {
  const { name, limits, depth } = queue;
  const running = depth?.running ?? 0;
  const oldest = depth?.oldestDueAt ?? null;
  const state = limits.paused ? "paused" : "unpaused";
  return {
    id: `queue-${name}`,
    cells: [
      `<strong>${queueLink(name)}</strong>`,
      `<span class="state ${state}">${limits.paused ? "paused" : "open"}</span>`,
      count(waiting(queue)) + (depth?.held ? ` <small class="muted">${count(depth.held)} held</small>` : ""),
      oldest === null ? '<span class="muted none">–</span>' : timeMarkup(oldest, look.nowMs),
      count(depth?.scheduled ?? 0),
      count(running) +
        (limits.concurrencyMax === null ? "" : ` <small class="muted">of ${count(limits.concurrencyMax)}</small>`),
      rate(recent("succeeded")(queue) + recent("dead")(queue)),
      spark(queue),
      `<span class="limits">${limitWords(limits).join(" · ")}</span>`,
      may(look, "operate") ? `<span class="acts">${pauseButton(queue)}${limitButton(queue)}</span>` : "",
    ],
  };
}

function pauseButton({ name, limits, depth }: ShownQueue): string {
  const running = depth?.running ?? 0;
  const { paused } = limits;
  return actionMarkup({
    name: paused ? "Unpause" : "Pause",
    method: "PUT",
    url: `/api/queue/${encodeURIComponent(name)}`,
    body: { paused: !paused },
    title: `${paused ? "Unpause" : "Pause"} the queue ${name}?`,
    text: paused
      ? "What waits in it is leased again, under its limits."
      : `Nothing of it is leased any more, on any node or worker. The ${count(running)} that run go on; new jobs are let in and wait.`,
    confirm: paused ? "Unpause" : "Pause",
  });
}

function limitButton({ name, limits }: ShownQueue): string {
  const field = (
    setting: string,
    label: string,
    value: number | null,
    hint: string,
    bounds: ActionField["bounds"],
  ) => ({
    ...{ name: setting, label, kind: "number" as const, hint, bounds: { min: 1, step: 1, ...bounds } },
    value: value === null ? "" : String(value),
  });
  const any = { min: 0 };
  const rateBounds = { min: 0.001, step: "any" };
  return actionMarkup({
    name: "Limits…",
    method: "PUT",
    url: `/api/queue/${encodeURIComponent(name)}`,
    title: `Limits of the queue ${name}`,
    text: "They hold on every node and worker from now on, also for what waits already. An empty field: no limit, or the default.",
    fields: [
      field("concurrency", "At once", limits.concurrencyMax, "jobs that run", any),
      field("key_concurrency", "At once a key", limits.keyConcurrencyMax, `${keyConcurrencyDefault} if empty`, {}),
      field("rate_per_s", "Starts a second", limits.ratePerS, "", rateBounds),
      field("rate_burst", "Starts together", limits.rateBurst, "a second's worth if empty", {}),
      field("enqueue_per_s", "Enqueued a second", limits.enqueuePerS, "more are told to wait", rateBounds),
      field("enqueue_burst", "Enqueued together", limits.enqueueBurst, "a second's worth if empty", {}),
      field("depth_max", "Waiting", limits.depthMax, `${count(defaultGuardrails.depthMax)} if empty`, any),
      field(
        "payload_bytes_max",
        "Bytes of a payload",
        limits.payloadBytesMax,
        `${count(defaultGuardrails.payloadBytesMax)} if empty`,
        any,
      ),
      field("retries_per_min", "Retries a minute", limits.retriesPerMin, "", any),
    ],
    confirm: "Set limits",
  });
}

/** Bars of what ended, the newest at the right; what died is on top, in the colour of failures. */
function spark({ name, ends }: ShownQueue): string {
  const steps = endWindowS / endStepS;
  const of = (step: number): { good: number; bad: number } => {
    const end = ends.find((one) => one.step === step);
    return { good: end?.succeeded ?? 0, bad: (end?.dead ?? 0) + (end?.retried ?? 0) };
  };
  const bars = Array.from({ length: steps }, (_, i) => of(steps - 1 - i));
  const most = Math.max(1, ...bars.map(({ good, bad }) => good + bad));
  const total = bars.reduce((sum, { good, bad }) => ({ good: sum.good + good, bad: sum.bad + bad }), {
    good: 0,
    bad: 0,
  });
  const height = 20;
  const rects = bars.map(({ good, bad }, i) => {
    const [goodPx, badPx] = [good, bad].map((some) => (some === 0 ? 0 : Math.max(1.5, (some / most) * height))) as [
      number,
      number,
    ];
    const top = Math.min(height, goodPx + badPx);
    return (
      (goodPx > 0
        ? `<rect class="good" x="${i * 4}" y="${(height - goodPx).toFixed(1)}" width="3" height="${goodPx.toFixed(1)}"/>`
        : "") +
      (badPx > 0
        ? `<rect class="bad" x="${i * 4}" y="${(height - top).toFixed(1)}" width="3" height="${badPx.toFixed(1)}"/>`
        : "")
    );
  });
  const words = `${count(total.good)} succeeded, ${count(total.bad)} failed`;
  return (
    `<svg class="spark" viewBox="0 0 ${steps * 4} ${height}" width="${steps * 4}" height="${height}" role="img" ` +
    `aria-label="${escapeHtml(name)} in 5 minutes: ${words}"><title>${words}</title><path d="M0 ${height}h${steps * 4}"/>${rects.join("")}</svg>`
  );
}

export function limitWords(limits: PolicyLimits): string[] {
  const words: (string | null)[] = [
    limits.concurrencyMax === null ? null : `${count(limits.concurrencyMax)} at once`,
    limits.keyConcurrencyMax === null ? null : `${count(limits.keyConcurrencyMax)} at once a key`,
    limits.ratePerS === null ? null : `${limits.ratePerS} starts/s${burst(limits.rateBurst)}`,
    limits.enqueuePerS === null ? null : `${limits.enqueuePerS} enqueued/s${burst(limits.enqueueBurst)}`,
    limits.depthMax === null ? null : `${count(limits.depthMax)} waiting`,
    limits.payloadBytesMax === null ? null : `payloads up to ${size(limits.payloadBytesMax)}`,
    limits.retriesPerMin === null ? null : `${count(limits.retriesPerMin)} retries/min`,
  ];
  return words.filter((word) => word !== null);
}

const burst = (most: number | null): string => (most === null ? "" : ` (${count(most)} together)`);

function policyTable(policies: readonly PolicyRow[], nowMs: number): string {
  if (policies.length === 0) {
    return emptyCard(
      "No limits are set",
      "Jobs run as fast as workers take them. “Limits…” of a queue above sets some, and so does <code>orrery queues set NAME --concurrency 4</code>.",
    );
  }
  const rows = policies.slice(0, policiesShownMax).map((policy) => ({
    cells: [
      escapeHtml(policy.scope.replace("_", " ")),
      policy.subject === "*" ? "each without its own" : escapeHtml(policy.subject),
      policy.paused ? '<span class="state paused">paused</span>' : '<span class="state unpaused">open</span>',
      limitWords(policy).join(" · ") || '<span class="muted">none</span>',
      escapeHtml(policy.modifiedBy),
      timeMarkup(policy.modifiedAt, nowMs),
    ],
  }));
  const more =
    policies.length <= policiesShownMax
      ? ""
      : `<p class="more"><a href="/api/policy">All ${count(policies.length)} policies, as JSON</a></p>`;
  return tableCard("Policies", ["Of", "Subject", "State", "Limits", "Set by", "Set"], rows, "policies") + more;
}
