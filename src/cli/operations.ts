/** What operators ask of a running server in one request: status, workers, audit, explain, retry-failed. */
import process from "node:process";
import type { Command } from "commander";
import { type ApiFlags, apiCommand, clientOf, groupCommand, show, withPaging } from "./api-command.ts";
import { explainText } from "./job-story.ts";
import { moreText, readPages } from "./pages.ts";
import { planText } from "./plans.ts";
import { productIdOf } from "./product-of.ts";
import type { Explained, Plan, WorkerRow } from "./shapes.ts";
import { details, table } from "./table.ts";
import { clean, colourOfState, moment, relative } from "./words.ts";

interface Status {
  readonly version: string;
  readonly store: string;
  readonly ready: boolean;
  readonly nodes: number;
  readonly queues: { readonly depth: number; readonly running: number };
  readonly dead_letters: number;
  readonly plans: number;
  readonly started_at: string;
}

export function statusCommand(): Command {
  return apiCommand("status", "say how the server is: version, store, queues, dead letters", [
    "orrery status",
    "orrery status --json | jq .ready",
  ]).action(async (flags: ApiFlags) => {
    const client = clientOf(flags);
    const status = await client.get<Status>("/status");
    show(flags, status, () => statusText(client.url, status));
    if (!status.ready) process.exitCode = 5;
  });
}

function statusText(url: string, status: Status): string {
  return details([
    ["server", url],
    ["version", clean(status.version)],
    ["ready", status.ready ? "yes" : "no"],
    ["store", clean(status.store)],
    ["nodes", status.nodes],
    ["jobs", `${status.queues.depth} wait, ${status.queues.running} run`],
    ["dead letters", status.dead_letters],
    ["plans", status.plans],
    ["started", moment(status.started_at)],
  ]);
}

export function workersCommand(): Command {
  return groupCommand(
    "workers",
    "see who runs jobs, and drain a worker",
    ["orrery workers list", "orrery workers drain $WORKER"],
    [
      apiCommand("list", "list nodes and remote workers", ["orrery workers list"]).action(async (flags: ApiFlags) => {
        const rows = await clientOf(flags).get<WorkerRow[]>("/worker");
        show(flags, rows, () => workerTable(rows));
      }),
      apiCommand("drain", "let a worker take no more jobs; it ends when those it has are done", [
        "orrery workers drain $WORKER",
      ])
        .argument("<id>", "the worker")
        .action(async (id: string, flags: ApiFlags) => {
          const row = await clientOf(flags).send<WorkerRow>("PUT", `/worker/${encodeURIComponent(id)}/drain`);
          show(flags, row, () => workerTable([row]));
        }),
    ],
  );
}

function workerTable(rows: readonly WorkerRow[]): string {
  if (rows.length === 0) return "No worker is known.\n";
  return table(rows, [
    { title: "id", of: ({ id }) => id },
    { title: "kind", of: ({ kind }) => kind },
    { title: "name", of: ({ name }) => name, shrinks: true },
    { title: "state", of: ({ state }) => state, colour: ({ state }) => colourOfState(state) },
    { title: "busy", of: ({ held, slots }) => `${held}/${slots}` },
    { title: "queues", of: ({ queues }) => (queues === null ? "all" : queues.join(", ")), shrinks: true },
    { title: "labels", of: ({ labels }) => labels.join(", "), shrinks: true },
    { title: "seen", of: ({ seen_at }) => relative(seen_at) },
    { title: "version", of: ({ version }) => version },
  ]);
}

interface AuditRow {
  readonly id: string;
  readonly at: string;
  readonly service: string;
  readonly action: string;
  readonly target: string | null;
  readonly status: number;
  readonly request_id: string | null;
}

interface AuditFlags extends ApiFlags {
  readonly service?: string;
  readonly action?: string;
  readonly since?: string;
  readonly limit: number;
  readonly cursor?: string;
}

export function auditCommand(): Command {
  return withPaging(
    apiCommand("audit", "list who changed what", ["orrery audit --service planner --since 2026-01-31T00:00:00Z"]),
  )
    .option("--service <name>", "by this service or key")
    .option("--action <name>", "of this kind")
    .option("--since <date>", "at or after, such as 2026-01-31T10:00:00Z")
    .action(async (flags: AuditFlags) => {
      const { service, action, since, limit, cursor } = flags;
      const page = await readPages<AuditRow>(clientOf(flags), "/audit", { service, action, since, limit, cursor });
      show(flags, page, () =>
        page.rows.length === 0
          ? "Nothing was changed.\n"
          : table(page.rows, [
              { title: "at", of: ({ at }) => moment(at) },
              { title: "service", of: ({ service }) => service },
              { title: "action", of: ({ action }) => action },
              { title: "target", of: ({ target }) => target, shrinks: true },
              {
                title: "status",
                of: ({ status }) => status,
                colour: ({ status }) => (status >= 400 ? "red" : "plain"),
              },
            ]) + moreText(page),
      );
    });
}

export function explainCommand(): Command {
  return apiCommand("explain", "say why a data product is where it is, and what to do", [
    "orrery explain $PLAN orbit",
    "orrery explain $PLAN orbit:1",
  ])
    .argument("<dataset>", "the plan: its dataset's id")
    .argument("<product>", "the data product: its name, name:version or id")
    .action(async (dataset: string, product: string, flags: ApiFlags) => {
      const client = clientOf(flags);
      const id = await productIdOf(client, dataset, product);
      const found = await client.get<Explained>(`/data_product/${encodeURIComponent(dataset)}/${id}/explain`);
      show(flags, found, () => explainText(found));
    });
}

export function retryFailedCommand(): Command {
  return apiCommand("retry-failed", "run the failed products of a plan again, and what comes after them", [
    "orrery retry-failed $PLAN",
  ])
    .argument("<plan>", "the dataset's id")
    .action(async (id: string, flags: ApiFlags) => {
      const plan = await clientOf(flags).send<Plan>("POST", `/plan/${encodeURIComponent(id)}/retry-failed`, {
        body: {},
      });
      show(flags, plan, () => planText(plan));
    });
}
