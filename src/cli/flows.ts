/** `orrery flows …`: see message flows, pause and resume them, check their files. */
import process from "node:process";
import type { Command } from "commander";
import { type ApiFlags, apiCommand, clientOf, groupCommand, show } from "./api-command.ts";
import { executorText } from "./flow-executor.ts";
import { probeCommand, traceCommand } from "./flow-traces.ts";
import type { FlowRow } from "./shapes.ts";
import { table } from "./table.ts";
import { clean } from "./words.ts";

export function flowsCommand(): Command {
  return groupCommand(
    "flows",
    "see message flows, pause and resume them, check their files",
    ["orrery flows list", "orrery flows show readings", "orrery flows check flows/readings.yaml"],
    [
      listCommand(),
      showCommand(),
      traceCommand(),
      probeCommand(),
      pauseCommand("pause"),
      pauseCommand("resume"),
      checkCommand(),
    ],
  ).alias("flow");
}

function listCommand(): Command {
  return apiCommand("list", "list the flows, as the server that answers runs them", ["orrery flows list"]).action(
    async (flags: ApiFlags) => {
      const rows = await clientOf(flags).get<FlowRow[]>("/flow");
      show(flags, rows, () =>
        rows.length === 0 ? "There is no flow: orrery.yaml names their folder with the key flows.\n" : flowTable(rows),
      );
    },
  );
}

const flowTable = (rows: readonly FlowRow[]): string =>
  table(rows, [
    { title: "flow", of: ({ name }) => name },
    { title: "source", of: ({ source }) => source },
    { title: "partitions", of: ({ partitions }) => partitions.length },
    { title: "held", of: ({ partitions }) => partitions.reduce((sum, { held }) => sum + held, 0) },
    { title: "running", of: ({ tasks }) => `${tasks.running} of ${tasks.concurrency}` },
    { title: "done", of: ({ messages }) => messages.done },
    { title: "dead", of: ({ messages }) => messages.dead },
    { title: "delivered", of: ({ sinks }) => sinks.reduce((sum, { delivered }) => sum + delivered, 0) },
    { title: "", of: ({ paused }) => (paused ? "paused" : " "), colour: () => "yellow" },
    { title: "", of: (row) => notOpen(row) ?? " ", colour: () => "red", shrinks: true },
  ]);

const notOpen = ({ state, reason }: FlowRow): string | null =>
  state === "open" ? null : `${state}${reason === null ? "" : `: ${reason}`}`;

function showCommand(): Command {
  return apiCommand("show", "show a flow's partitions, executor and sinks", ["orrery flows show readings"])
    .argument("<name>", "the flow")
    .action(async (name: string, flags: ApiFlags) => {
      const flow = await clientOf(flags).get<FlowRow>(`/flow/${encodeURIComponent(name)}`);
      show(flags, flow, () => flowText(flow));
    });
}

function flowText(flow: FlowRow): string {
  const description = flow.description === null ? "" : `${clean(flow.description)}\n\n`;
  const why = notOpen(flow);
  const opening = why === null ? "" : `${clean(why)}\n\n`;
  const partitions = table(flow.partitions, [
    { title: "partition", of: ({ name }) => name },
    { title: "state", of: ({ state }) => state, colour: ({ state }) => (state === "failed" ? "red" : "plain") },
    { title: "committed", of: ({ committed }) => committed },
    { title: "held", of: ({ held }) => held },
    { title: "waiting", of: ({ waiting }) => waiting },
    { title: "reason", of: ({ reason }) => reason, shrinks: true },
  ]);
  const sinks = table(flow.sinks, [
    { title: "sink", of: ({ name }) => name },
    { title: "kind", of: ({ kind }) => kind },
    {
      title: "breaker",
      of: ({ breaker }) => breaker,
      colour: ({ breaker }) => (breaker === "closed" ? "plain" : "red"),
    },
    { title: "queued", of: ({ queued }) => queued },
    { title: "delivered", of: ({ delivered }) => delivered },
    { title: "retried", of: ({ retried }) => retried },
    { title: "dead", of: ({ dead }) => dead },
  ]);
  const none = "No partition is read by this node.\n";
  return `${description}${opening}${flow.partitions.length === 0 ? none : partitions}\n${executorText(flow)}\n${sinks}`;
}

function pauseCommand(verb: "pause" | "resume"): Command {
  const what = verb === "pause" ? "read no further messages of a flow; what was read goes on" : "let a flow read on";
  return apiCommand(verb, what, [`orrery flows ${verb} readings`])
    .argument("<name>", "the flow")
    .action(async (name: string, flags: ApiFlags) => {
      const flow = await clientOf(flags).send<FlowRow>("PUT", `/flow/${encodeURIComponent(name)}/${verb}`);
      show(flags, flow, () => `Flow ${name} is ${flow.paused ? "paused" : "read"}.\n`);
    });
}

function checkCommand(): Command {
  return apiCommand("check", "check the files of flows and the modules that they name; no server is asked", [
    "orrery flows check flows/*.yaml",
  ])
    .argument("<file...>", "the flows' YAML files")
    .action(async (paths: string[], flags: ApiFlags) => {
      const { loadFlow } = await import("../flow/load.ts");
      const { requireOwnFiles } = await import("../flow/written-files.ts");
      const { resolve } = await import("node:path");
      const flows = [];
      for (const path of paths) flows.push(await loadFlow(resolve(process.cwd(), path)));
      requireOwnFiles(flows);
      const shown = flows.map(({ file }) => ({
        name: file.id,
        path: file.path,
        source: file.source.kind,
        sinks: [...file.sinks].map(([name, { config }]) => ({ name, kind: config.kind })),
      }));
      show(flags, shown, () =>
        shown
          .map(
            ({ name, source, sinks }) =>
              `ok  ${name}: ${source} to ${sinks.map((sink) => sink.name).join(", ") || "no sink"}\n`,
          )
          .join(""),
      );
    });
}
