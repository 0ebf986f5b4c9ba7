/** What an actor waits for: jobs that are to run, ends of leases, deadlines, the moments of a pass. The next one first. */

import type { ResidentPass } from "../../ground/inspection.ts";
import { epochMsOf, type Instant, instantOf } from "../../model/clock.ts";
import { hasEnded, type PassRow } from "../../model/pass.ts";
import type { JobDue } from "../../store/due-times.ts";
import { escapeHtml, timeMarkup } from "../markup.ts";

export interface Due {
  readonly at: Instant;
  readonly what: string;
  /** Of what: its name and its page. */
  readonly of: string;
  readonly href: string;
}

const shownMax = 12;

export function dueOfJob({ jobId, state, runAt, leaseUntil }: JobDue, of: string): Due[] {
  const href = `/inspect/job/${jobId}`;
  if (leaseUntil !== null) return [{ at: leaseUntil, what: "lease ends unless it is renewed", of, href }];
  if (runAt === null) return [];
  const what = state === "backing-off" ? "tried again" : "due to run";
  return [{ at: runAt, what, of, href }];
}

/** `live`: what the node that holds it knows; null: this one does not. */
export function dueOfPass(pass: PassRow, live: ResidentPass | null, leaseUntil: Instant | null): Due[] {
  if (hasEnded(live?.state ?? pass.state)) return [];
  const state = live?.state ?? pass.state;
  const of = `pass of ${pass.ship}`;
  const href = `/inspect/pass/${pass.passId}`;
  const losMs = epochMsOf(pass.los);
  const due: Due[] = [];
  if (state === "planned")
    due.push({ at: instantOf(epochMsOf(pass.aos) - pass.prepassMarginMs), what: "its port is opened", of, href });
  if (state === "planned" || state === "prepass") due.push({ at: pass.aos, what: "AOS", of, href });
  if (state !== "draining") due.push({ at: pass.los, what: "LOS", of, href });
  due.push({ at: instantOf(losMs + pass.drainMarginMs), what: "its port is closed, whatever waits", of, href });
  if (leaseUntil !== null) due.push({ at: leaseUntil, what: "lease ends unless it is renewed", of, href });
  const retryAtMs = live?.listener?.context.retryAtMs ?? null;
  if (retryAtMs !== null)
    due.push({
      at: instantOf(retryAtMs),
      what: "its socket is asked for again",
      of: "listener",
      href: `/inspect/listener/${pass.passId}`,
    });
  return due;
}

export function dueMarkup(due: readonly Due[], nowMs: number): string {
  if (due.length === 0) return "";
  const next = due.toSorted((a, b) => (a.at < b.at ? -1 : 1)).slice(0, shownMax);
  const items = next.map(
    ({ at, what, of, href }) =>
      `<li>${timeMarkup(at, nowMs)} <span>${escapeHtml(what)}</span> <a href="${escapeHtml(href)}">${escapeHtml(of)}</a></li>`,
  );
  const more = due.length > next.length ? `<li class="muted">${due.length - next.length} more</li>` : "";
  return `<div class="block"><h2>Due</h2><ul class="card due">${items.join("")}${more}</ul></div>`;
}
