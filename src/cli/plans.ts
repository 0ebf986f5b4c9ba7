/** `orrery plans …` (also `dags`): search plans, and show one as a tree of its data products with their states. */
import type { Command } from "commander";
import { type ApiFlags, apiCommand, clientOf, groupCommand, show, wholeNumber } from "./api-command.ts";
import { planTree } from "./plan-tree.ts";
import type { Plan } from "./shapes.ts";
import { details, table } from "./table.ts";
import { clean, excerpt, moment, relative } from "./words.ts";

export function plansCommand(): Command {
  return groupCommand(
    "plans",
    "find plans of data products, see, pause and resume them",
    ["orrery plans list --search orbit", "orrery plans show $PLAN"],
    [listCommand(), showCommand(), pauseCommand("pause"), pauseCommand("unpause")],
  ).alias("dags");
}

interface Found {
  readonly rows: readonly { dataset_id: string; extra: unknown; modified_date: string }[];
  readonly next_page: number | null;
}

function listCommand(): Command {
  return apiCommand("list", "list plans, the last changed first", ["orrery plans list --search 2026-01 --limit 200"])
    .option("-s, --search <text>", "whose id or extra holds this text", "")
    .option("-n, --limit <number>", "at most so many rows", wholeNumber(1, 10_000), 50)
    .action(async (flags: ApiFlags & { search: string; limit: number }) => {
      const client = clientOf(flags);
      const rows: Found["rows"][number][] = [];
      let page: number | null = 0;
      while (page !== null && rows.length < flags.limit) {
        const found: Found = await client.get<Found>("/plan/search", { search_by: flags.search, page });
        rows.push(...found.rows);
        page = found.next_page;
      }
      const shown = rows.slice(0, flags.limit);
      show(flags, { rows: shown, next_page: page }, () =>
        shown.length === 0
          ? "No plan matches.\n"
          : table(shown, [
              { title: "plan", of: ({ dataset_id }) => dataset_id },
              { title: "changed", of: ({ modified_date }) => relative(modified_date) },
              { title: "extra", of: ({ extra }) => excerpt(extra), shrinks: true },
            ]),
      );
    });
}

function showCommand(): Command {
  return apiCommand("show", "show a plan as a tree with states", [
    "orrery plans show $PLAN",
    "orrery plans show $PLAN --json | jq .data_products",
  ])
    .argument("<plan>", "the dataset's id")
    .action(async (id: string, flags: ApiFlags) => {
      const plan = await clientOf(flags).get<Plan>(`/plan/${encodeURIComponent(id)}`);
      show(flags, plan, () => planText(plan));
    });
}

export function planText(plan: Plan): string {
  const { dataset, data_products: products } = plan;
  const counts = new Map<string, number>();
  for (const { state } of products) counts.set(state, (counts.get(state) ?? 0) + 1);
  return (
    details([
      ["plan", dataset.id],
      ["paused", dataset.paused ? "yes" : null],
      ["products", [...counts].map(([state, count]) => `${count} ${state}`).join(", ") || "none"],
      ["changed", `${moment(dataset.modified_date)} by ${clean(dataset.modified_by)}`],
      ["extra", excerpt(dataset.extra)],
    ]) + planTree(plan)
  );
}

function pauseCommand(verb: "pause" | "unpause"): Command {
  const what =
    verb === "pause" ? "start no more products of a plan; what runs goes on" : "start a plan's products again";
  return apiCommand(verb, what, [`orrery plans ${verb} $PLAN`])
    .argument("<plan>", "the dataset's id")
    .action(async (id: string, flags: ApiFlags) => {
      const plan = await clientOf(flags).send<Plan>("PUT", `/plan/${encodeURIComponent(id)}/${verb}`);
      show(flags, plan, () => planText(plan));
    });
}
