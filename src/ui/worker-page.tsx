/** @jsxImportSource hono/jsx */
/** Who runs jobs: nodes and workers elsewhere, what each holds, when it was last heard of. */
import { workerStateOf } from "../http/worker.ts";
import type { WorkerView } from "../store/worker-views.ts";
import { actionMarkup, may, needsRole } from "./actions.ts";
import { count } from "./figures.ts";
import type { Look } from "./look.ts";
import { escapeHtml, stateMarkup, timeMarkup } from "./markup.ts";
import { emptyCard, tabbedPage, tableCard } from "./tabs.tsx";

export function workersPage(workers: readonly WorkerView[], look: Look): string {
  return tabbedPage({ section: "jobs", tab: "/worker", title: "Workers", part: workersPart(workers, look) }, look);
}

export function workersPart(workers: readonly WorkerView[], look: Look): string {
  const [nodes, remote] = [
    workers.filter(({ kind }) => kind === "node"),
    workers.filter(({ kind }) => kind === "remote"),
  ];
  const elsewhere =
    remote.length === 0
      ? emptyCard(
          "No workers elsewhere",
          "<code>orrery worker</code> on another machine leases jobs over HTTP and runs each as a command. Nodes run the rest themselves.",
        )
      : workerTable("Workers", remote, look);
  const why = may(look, "operate") ? "" : `<p class="under">${needsRole(look, "operate", "drain one")}</p>`;
  return (
    `<div class="block"><h2>Nodes</h2>${nodes.length === 0 ? emptyCard("No node was heard of", "This one says so in a moment.") : workerTable("Nodes", nodes, look)}</div>` +
    `<div class="block"><h2>Workers elsewhere</h2>${elsewhere}</div>${why}`
  );
}

const heldShownMax = 5;

function workerTable(label: string, workers: readonly WorkerView[], look: Look): string {
  const { nowMs } = look;
  const rows = workers.map((worker) => ({
    id: `worker-${worker.workerId}`,
    cells: [
      `<strong>${escapeHtml(worker.name)}</strong> <small class="muted">${escapeHtml(worker.host)}</small><br><span class="id muted">${escapeHtml(worker.workerId)}</span>`,
      stateMarkup(workerStateOf(worker)),
      `${count(worker.held)} of ${count(worker.slots)}`,
      heldLinks(worker),
      worker.queues === null ? '<span class="muted">any</span>' : escapeHtml(worker.queues.join(", ")),
      escapeHtml(worker.labels.join(", ")),
      `<span class="figure">${escapeHtml(worker.version)}</span>`,
      timeMarkup(worker.startedAt, nowMs),
      timeMarkup(worker.seenAt, nowMs),
      may(look, "operate") && worker.drainingSince === null && !worker.isLost ? drainButton(worker) : "",
    ],
  }));
  const columns = ["Worker", "State", "#Slots", "Holds", "Queues", "Labels", "Version", "Started", "Heartbeat", ""];
  return tableCard(label, columns, rows, "workers");
}

/** The first of the jobs that it has leased. */
function heldLinks({ jobs, held }: WorkerView): string {
  if (jobs.length === 0) return '<span class="muted none">–</span>';
  const shown = jobs
    .slice(0, heldShownMax)
    .map((jobId) => `<a class="id" href="/job/${jobId}" title="${jobId}">…${jobId.slice(-12)}</a>`);
  const more = Math.max(held, jobs.length) - shown.length;
  return `<span class="held">${shown.join(" ")}${more > 0 ? ` <span class="muted">and ${count(more)}</span>` : ""}</span>`;
}

const drainButton = ({ workerId, name, kind, held }: WorkerView): string =>
  actionMarkup({
    name: "Drain",
    method: "PUT",
    url: `/api/worker/${encodeURIComponent(workerId)}/drain`,
    title: `Drain ${name}?`,
    text: `It takes no more jobs, and finishes the ${count(held)} that it holds. ${
      kind === "node"
        ? "It goes on to serve this interface; a restart takes jobs again."
        : "It ends when they are done."
    }`,
    confirm: "Drain",
  });
