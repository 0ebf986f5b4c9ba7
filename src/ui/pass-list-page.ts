/** The list of passes below their timeline. */
import type { Look } from "./look.ts";
import { passTable } from "./pass-rows.ts";
import { passTimeline, type Timeline } from "./pass-timeline.ts";
import type { ShownPass } from "./shown-pass.ts";
import { emptyCard, olderLink, tabbedPage } from "./tabs.tsx";

export interface PassList {
  readonly passes: readonly ShownPass[];
  /** The query of the next page; null: there is none. */
  readonly older: string | null;
  readonly timeline: Timeline;
}

export function passListPage(list: PassList, look: Look): string {
  const part = passListPart(list, look);
  return tabbedPage({ section: "passes", tab: "/pass", title: "Passes", part }, look);
}

export function passListPart({ passes, older, timeline }: PassList, { nowMs }: Look): string {
  const isNone = passes.length === 0 && timeline.passes.length === 0;
  return (isNone ? "" : passTimeline(timeline, nowMs)) + listOf(passes, older, nowMs);
}

function listOf(passes: readonly ShownPass[], older: string | null, nowMs: number): string {
  if (passes.length === 0) {
    return emptyCard(
      "No passes",
      'Register a ship with <code>PUT /api/ship/…</code>, then plan a pass over it with <code>POST /api/pass</code>: the <a href="/swagger">API</a> shows how.',
    );
  }
  const table = `<section class="card table" aria-labelledby="all_title" tabindex="0">${passTable(passes, nowMs)}</section>`;
  return `<div class="block"><h2 id="all_title">All, the latest first</h2>${table}${olderLink("/pass", older, "Older passes")}</div>`;
}
