/** @jsxImportSource hono/jsx */
/** One message from where it lay to every delivery; and what the flight recorders of all nodes have kept. */
import { raw } from "hono/html";
import type { FC } from "hono/jsx";
import type { StoredTrace } from "../flow/find-traces.ts";
import type { ShownTrace } from "../flow/trace.ts";
import type { TraceFilter } from "../store/flow-traces.ts";
import { count } from "./figures.ts";
import { ChoiceFilter, FilterForm, TextFilter } from "./filter-form.tsx";
import { outcomeMarkup, tookText, traceTable } from "./flow-trace-rows.ts";
import { Crumbs, document } from "./layout.tsx";
import type { Look } from "./look.ts";
import { escapeHtml, factsMarkup, timeMarkup } from "./markup.ts";
import { emptyCard, olderLink, tableCard } from "./tabs.tsx";

const hrefOf = (flow: string): string => `/flow/${encodeURIComponent(flow)}`;

export function tracePage(flow: string, trace: ShownTrace | StoredTrace, look: Look): string {
  const name = `${trace.partition} ${trace.id}`;
  return document(
    { section: "flows", look },
    String(
      <>
        <Crumbs
          trail={[
            ["Flows", "/flow"],
            [flow, hrefOf(flow)],
            [name, look.path],
          ]}
        />
        {raw(traceMarkup(trace, look))}
      </>,
    ),
  );
}

function traceMarkup(trace: ShownTrace | StoredTrace, { nowMs }: Look): string {
  const { fault } = trace;
  const facts = factsMarkup([
    ["Partition", escapeHtml(trace.partition)],
    ["Position", escapeHtml(trace.id)],
    ["Key", trace.key === null ? null : escapeHtml(trace.key)],
    ["Sent", timeMarkup(trace.sent_at, nowMs)],
    ["Taken", timeMarkup(trace.at, nowMs)],
    ["Took", tookText(trace.took_ms)],
    ["Node", "node" in trace ? `<span class="id">${escapeHtml(trace.node)}</span>` : "this one"],
  ]);
  const why =
    fault === null
      ? ""
      : `<div class="block"><h2>${trace.outcome === "failed" ? "Why it failed" : "Why it is a dead letter"}</h2><p><strong>${escapeHtml(fault.stage)}</strong>: ${escapeHtml(fault.error)}, after ${count(fault.attempts)} ${fault.attempts === 1 ? "attempt" : "attempts"}</p>${fault.stage === "task" ? "" : textMarkup(fault.stack)}</div>`;
  return (
    `<div class="title"><h1>Message ${escapeHtml(trace.id)}</h1>${outcomeMarkup(trace.outcome)}</div><dl class="facts">${facts}</dl>${why}` +
    `<div class="block"><h2>Tasks</h2>${tasksMarkup(trace)}</div><div class="block"><h2>Deliveries</h2>${deliveryTable(trace)}</div>`
  );
}

const textMarkup = (text: string): string =>
  text === "" ? "" : `<pre class="log" tabindex="0">${escapeHtml(text)}</pre>`;

function tasksMarkup({ tasks, task_count }: ShownTrace): string {
  if (tasks.length === 0) return emptyCard("None", "No task ran for this message.");
  const rows = tasks.flatMap(({ key, label, end, command, input, output, attempts }) =>
    attempts.map((one, i) => ({
      cells: [
        i === 0
          ? `${label === null ? "" : `${escapeHtml(label)}<br>`}<span class="id">${escapeHtml(key)}</span>${command === null ? "" : `<br><code>${escapeHtml(command.join(" "))}</code>`}${endMarkup(end)}`
          : "",
        String(one.attempt),
        `<span class="state ${one.error === null ? "success" : "failed"}">${one.error === null ? "done" : "failed"}</span>${outlierMarkup(one)}`,
        tookText(one.duration_ms),
        one.pid === null ? "" : String(one.pid),
        one.exit_code === null ? "" : String(one.exit_code),
        i === 0 ? textMarkup(`in   ${input}\nout  ${output ?? "–"}`) : "",
        one.error === null ? "" : `${escapeHtml(one.error)}${textMarkup(one.stderr ?? one.stack ?? "")}`,
      ],
    })),
  );
  const more = task_count > tasks.length ? `<p class="under">and ${count(task_count - tasks.length)} more</p>` : "";
  return `${tableCard("Tasks", ["Task", "#Attempt", "Outcome", "#Took", "#PID", "#Exit", "Input and output", "Error"], rows, "attempts")}${more}`;
}

/** How a task of several attempts, or one that others took the place of, ended as a whole. */
const endMarkup = (end: string | null): string =>
  end === null || end === "succeeded" ? "" : `<br><small class="muted">ended: ${escapeHtml(end)}</small>`;

function outlierMarkup({ outlier, ran_ms, usual_ms }: ShownTrace["tasks"][number]["attempts"][number]): string {
  if (!outlier) return "";
  return `<br><small class="muted">outlier: ran ${tookText(ran_ms)}, usual is up to ${tookText(usual_ms)}</small>`;
}

function deliveryTable({ deliveries, delivery_count }: ShownTrace): string {
  if (deliveries.length === 0) return emptyCard("None", "Nothing of this message went to a sink.");
  const rows = deliveries.map(({ sink, key, outcome, took_ms }) => ({
    cells: [
      escapeHtml(sink),
      `<span class="id">${escapeHtml(key)}</span>`,
      outcomeMarkup(outcome === "dead" ? "dead" : "done"),
      tookText(took_ms),
    ],
  }));
  const more = delivery_count - deliveries.length;
  return `${tableCard("Deliveries", ["Sink", "Key", "Outcome", "#Took"], rows, "deliveries")}${more > 0 ? `<p class="under">and ${count(more)} more</p>` : ""}`;
}

export interface Recorded {
  readonly flow: string;
  readonly filter: TraceFilter;
  readonly rows: readonly StoredTrace[];
  readonly nextCursor: string | null;
  readonly days: number;
  readonly slowMs: number;
}

export function recorderPage(recorded: Recorded, look: Look): string {
  const { flow, filter, rows, nextCursor, days, slowMs } = recorded;
  const path = `${hrefOf(flow)}/recorder`;
  const query = queryOf(filter);
  return document(
    { section: "flows", look },
    String(
      <>
        <Crumbs
          trail={[
            ["Flows", "/flow"],
            [flow, hrefOf(flow)],
            ["Flight recorder", path],
          ]}
        />
        <div class="title">
          <h1>Flight recorder</h1>
          <span class="spacer" />
          <a href={`/api${hrefOf(flow)}/trace/export?${query}`}>Export</a>
        </div>
        <p>
          Messages of all nodes that failed or took {slowMs / 1000} s or longer, and some whose task ran far longer than
          is usual, for {days} days.
        </p>
        <Filter path={path} filter={filter} />
        {raw(
          rows.length === 0
            ? emptyCard("None", "No message that was kept matches.")
            : traceTable(flow, rows, look.nowMs) +
                olderLink(path, nextCursor === null ? null : `${query}&cursor=${nextCursor}`, "Older ones"),
        )}
      </>,
    ),
  );
}

const Filter: FC<{ readonly path: string; readonly filter: TraceFilter }> = ({ path, filter }) => (
  <FilterForm action={path}>
    <TextFilter label="Partition" name="partition" value={filter.partition} />
    <TextFilter label="Position" name="id" value={filter.messageId} />
    <ChoiceFilter
      label="Outcome"
      name="outcome"
      value={filter.outcome}
      choices={[
        ["dead", "dead"],
        ["failed", "failed, of a caller"],
        ["done", "done, but slowly"],
      ]}
    />
    <TextFilter
      label="Slower than, ms"
      name="slower_than_ms"
      value={filter.slowerThanMs === null ? null : String(filter.slowerThanMs)}
    />
    <button type="submit">Filter</button>
  </FilterForm>
);

const queryOf = ({ partition, messageId, outcome, slowerThanMs }: TraceFilter): string =>
  new URLSearchParams({
    ...(partition !== null && { partition }),
    ...(messageId !== null && { id: messageId }),
    ...(outcome !== null && { outcome }),
    ...(slowerThanMs !== null && { slower_than_ms: String(slowerThanMs) }),
  }).toString();
