/** Rows of messages and what became of them. */
import type { ShownTrace } from "../flow/trace.ts";
import { count } from "./figures.ts";
import { escapeHtml, timeMarkup } from "./markup.ts";
import { tableCard } from "./tabs.tsx";

export const traceHref = (flow: string, { partition, id }: Pick<ShownTrace, "partition" | "id">): string =>
  `/flow/${encodeURIComponent(flow)}/trace?${new URLSearchParams({ partition, id })}`;

/** A page with two of them names them apart. */
export function traceTable(
  flow: string,
  traces: readonly ShownTrace[],
  nowMs: number,
  { label, id }: { readonly label: string; readonly id: string } = { label: "Messages", id: "trace" },
): string {
  const rows = traces.map((trace) => ({
    id: `${id}-${trace.partition}-${trace.id}`,
    cells: [
      `<a class="known" href="${escapeHtml(traceHref(flow, trace))}">${escapeHtml(trace.partition)} ${escapeHtml(trace.id)}</a>`,
      outcomeMarkup(trace.outcome) + (hasOutlier(trace) ? ' <small class="muted">outlier</small>' : ""),
      tookText(trace.took_ms),
      count(trace.task_count),
      count(trace.delivery_count),
      trace.fault === null
        ? ""
        : `<span class="known">${escapeHtml(`${trace.fault.stage}: ${trace.fault.error}`.slice(0, 300))}</span>`,
      timeMarkup(trace.at, nowMs),
    ],
  }));
  return tableCard(label, ["Message", "Outcome", "#Took", "#Tasks", "#Deliveries", "Fault", "Taken"], rows, "traces");
}

const hasOutlier = ({ tasks }: ShownTrace): boolean =>
  tasks.some(({ attempts }) => attempts.some(({ outlier }) => outlier));

export const outcomeMarkup = (outcome: ShownTrace["outcome"]): string =>
  `<span class="state ${{ open: "running", done: "success", dead: "failed", failed: "failed" }[outcome]}">${outcome}</span>`;

export const tookText = (ms: number | null): string => {
  if (ms === null) return '<span class="muted none">–</span>';
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`;
};
