/** How `orrery flows show` tells of what runs a flow's tasks. */
import type { FlowRow } from "./shapes.ts";
import { table } from "./table.ts";
import { clean, colourOfState, relative } from "./words.ts";

export function executorText({ executor, tasks }: FlowRow): string {
  const { kind, attempts, failed, timed_out, recent, outliers, processes } = executor;
  const line = `executor ${kind}: ${tasks.running} of ${tasks.concurrency} run, ${tasks.waiting} wait; ${attempts} attempts, ${failed} failed (${timed_out} by the timeout)\n`;
  const times =
    recent === null
      ? ""
      : `the last ${recent.attempts} ran, in ms: p50 ${recent.p50_ms}, p95 ${recent.p95_ms}, p99 ${recent.p99_ms}, longest ${recent.max_ms}; ${outliers.count} outliers since the node started\n`;
  const outlierTable = table(outliers.newest, [
    { title: "outlier", of: ({ partition }) => clean(partition) },
    { title: "position", of: ({ id }) => clean(id) },
    { title: "attempt", of: ({ attempt }) => attempt },
    { title: "ran ms", of: ({ ran_ms }) => ran_ms },
    { title: "usual ms", of: ({ usual_ms }) => usual_ms },
    { title: "ended", of: ({ at }) => relative(at) },
  ]);
  const processTable = table(processes, [
    { title: "pid", of: ({ pid }) => pid },
    { title: "state", of: ({ state }) => state, colour: ({ state }) => colourOfState(state) },
    { title: "tasks", of: ({ tasks: done }) => done },
    { title: "busy since", of: ({ busy_since }) => (busy_since === null ? null : relative(busy_since)) },
  ]);
  return [
    line + times,
    ...(outliers.newest.length === 0 ? [] : [outlierTable]),
    ...(processes.length === 0 ? [] : [processTable]),
  ].join("\n");
}
