/** `orrery template …`, `orrery trigger` and `orrery submit`: templates from files to runs. */
import type { Command } from "commander";
import { parseJson } from "../model/json.ts";
import { YamlSource } from "../templates/yaml-source.ts";
import { type ApiFlags, apiCommand, clientOf, groupCommand, positiveNumber, show } from "./api-command.ts";
import type { Client } from "./client.ts";
import { AnswerError, CommandError } from "./exit.ts";
import { fileText, jsonOrText, pairOf } from "./input.ts";
import { planText } from "./plans.ts";
import { watchRun } from "./runs.ts";
import type { Plan } from "./shapes.ts";
import { details, table } from "./table.ts";
import { clean, duration, excerpt } from "./words.ts";

interface TemplateRow {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly version?: number | string | null;
  readonly paused?: boolean;
  readonly schedule?: {
    readonly cron: string | null;
    readonly every_s: number | null;
    readonly timezone: string;
  } | null;
  readonly params: readonly {
    readonly name: string;
    readonly type: string;
    /** Of an enum. */
    readonly values?: readonly string[];
    readonly default?: unknown;
    readonly description: string | null;
    readonly required: boolean;
  }[];
  readonly tasks: readonly { readonly id: string; readonly compute: string; readonly depends_on: readonly string[] }[];
}

export function templateCommand(): Command {
  return groupCommand(
    "template",
    "see, check and store templates",
    [
      "orrery template check etl.yaml",
      "orrery template push etl.yaml",
      "orrery trigger etl --param day=2026-01-31 --wait",
    ],
    [
      listCommand(),
      showCommand(),
      checkCommand(),
      pushCommand(),
      deleteCommand(),
      pauseCommand("pause"),
      pauseCommand("unpause"),
    ],
  );
}

function listCommand(): Command {
  return apiCommand("list", "list the templates", ["orrery template list"]).action(async (flags: ApiFlags) => {
    const rows = await clientOf(flags).get<TemplateRow[]>("/template");
    show(flags, rows, () =>
      rows.length === 0
        ? "There is no template: store one with `orrery template push FILE`.\n"
        : table(rows, [
            { title: "id", of: ({ id }) => id },
            { title: "version", of: ({ version }) => clean(version) },
            { title: "tasks", of: ({ tasks }) => tasks.length },
            { title: "schedule", of: ({ schedule }) => scheduleText(schedule), shrinks: true },
            { title: "", of: ({ paused }) => (paused ? "paused" : " "), colour: () => "yellow" },
            { title: "description", of: ({ description, name }) => description ?? name, shrinks: true },
          ]),
    );
  });
}

function scheduleText(schedule: TemplateRow["schedule"]): string {
  if (schedule === null || schedule === undefined) return "-";
  if (schedule.cron === null) return `every ${duration((schedule.every_s ?? 0) * 1000)}`;
  return `${clean(schedule.cron)} ${clean(schedule.timezone)}`;
}

function showCommand(): Command {
  return apiCommand("show", "show a template: its parameters and tasks", ["orrery template show etl"])
    .argument("<id>", "the template")
    .action(async (id: string, flags: ApiFlags) => {
      const template = await clientOf(flags).get<TemplateRow>(`/template/${encodeURIComponent(id)}`);
      show(flags, template, () => templateText(template));
    });
}

function templateText(template: TemplateRow): string {
  const head = details([
    ["template", clean(template.id)],
    ["name", clean(template.name)],
    ["version", clean(template.version)],
    ["description", clean(template.description)],
    ["schedule", scheduleText(template.schedule)],
    ["paused", template.paused ? "yes" : null],
  ]);
  const params = template.params.map(
    ({ name, description, ...param }) =>
      `  --param ${clean(name)}=…  (${paramText(param)})${description ? `  ${clean(description)}` : ""}\n`,
  );
  const tasks = table(template.tasks, [
    { title: "task", of: ({ id }) => id },
    { title: "compute", of: ({ compute }) => compute },
    { title: "after", of: ({ depends_on }) => depends_on.join(", "), shrinks: true },
  ]);
  return `${head}${params.join("")}\n${tasks}`;
}

function paramText({
  type,
  values,
  required,
  default: given,
}: Omit<TemplateRow["params"][number], "name" | "description">): string {
  const what = values === undefined ? clean(type) : values.map(clean).join(" | ");
  return `${what}${required ? ", required" : ""}${given === undefined ? "" : `, default ${excerpt(given, 60)}`}`;
}

function checkCommand(): Command {
  return apiCommand("check", "check a template's file at the server, without storing it", [
    "orrery template check etl.yaml",
  ])
    .argument("<file>", "YAML or JSON; - for standard input")
    .action(async (file: string, flags: ApiFlags) => {
      const found = await sendTemplate<object>(clientOf(flags), "/template/check", file, fileText(file));
      show(flags, found, () => `${file} is a template that this server can run.\n`);
    });
}

function pushCommand(): Command {
  return apiCommand("push", "store a template; another text under its id is a new version", [
    "orrery template push etl.yaml",
  ])
    .argument("<file>", "YAML or JSON; - for standard input")
    .action(async (file: string, flags: ApiFlags) => {
      const stored = await sendTemplate<TemplateRow>(clientOf(flags), "/template", file, fileText(file));
      show(flags, stored, () => storedText(stored));
    });
}

const storedText = ({ id, version }: TemplateRow): string =>
  `Template ${clean(id)} is stored${version === undefined || version === null ? "" : ` as version ${clean(version)}`}. Run it with: orrery trigger ${clean(id)}\n`;

/** The file's own text, so that a fault is told with its line and column; the server calls the file `body`. */
async function sendTemplate<Answer>(client: Client, path: string, file: string, text: string): Promise<Answer> {
  try {
    return await client.send<Answer>("POST", path, { yaml: text });
  } catch (error) {
    if (!(error instanceof AnswerError) || error.members.line === undefined) throw error;
    const place = `:${error.members.line}:${error.members.column}: `;
    throw new CommandError(
      error.message.replace(`body${place}`, `${file === "-" ? "standard input" : file}${place}`),
      error.exitCode,
    );
  }
}

function deleteCommand(): Command {
  return apiCommand("delete", "take a template out of use; its runs stay", ["orrery template delete etl"])
    .argument("<id>", "the template")
    .action(async (id: string, flags: ApiFlags) => {
      const answer = await clientOf(flags).send<object>("DELETE", `/template/${encodeURIComponent(id)}`);
      show(flags, answer, () => `Template ${clean(id)} is out of use.\n`);
    });
}

function pauseCommand(verb: "pause" | "unpause"): Command {
  const what = verb === "pause" ? "stop a template's schedule" : "start a template's schedule again";
  return apiCommand(verb, what, [`orrery template ${verb} etl`])
    .argument("<id>", "the template")
    .action(async (id: string, flags: ApiFlags) => {
      const template = await clientOf(flags).send<TemplateRow>("PUT", `/template/${encodeURIComponent(id)}/${verb}`);
      show(flags, template, () => `Template ${clean(id)} is ${verb}d.\n`);
    });
}

type Given = Readonly<Record<string, string>>;

interface TriggerFlags extends ApiFlags {
  readonly param?: Given;
  readonly dataset?: string;
  readonly wait?: boolean;
  readonly every: number;
  readonly idempotencyKey?: string;
}

function withTriggerOptions(command: Command): Command {
  return command
    .option("-p, --param <name=value>", "a parameter; repeat it for more", pairOf)
    .option("--dataset <id>", "the id of the run's plan; a new one without it")
    .option("--idempotency-key <text>", "the same key again makes no second run")
    .option("-w, --wait", "wait for the run's end; exit code 1 when it did not succeed")
    .option("--every <seconds>", "between two looks while it waits", positiveNumber(3600), 1);
}

export function triggerCommand(): Command {
  return withTriggerOptions(
    apiCommand("trigger", "run a template", [
      "orrery trigger etl --param day=2026-01-31 --param full=true --wait",
      "RUN=$(orrery trigger etl --json | jq -r .dataset.id)",
    ]).argument("<template>", "the template"),
  ).action((template: string, flags: TriggerFlags) => trigger(clientOf(flags), template, flags));
}

async function trigger(client: Client, template: string, flags: TriggerFlags): Promise<void> {
  const plan = await client.send<Plan>("POST", `/template/${encodeURIComponent(template)}/trigger`, {
    body: { params: await paramsOf(client, template, flags.param ?? {}), dataset_id: flags.dataset },
    ...(flags.idempotencyKey !== undefined && { idempotencyKey: flags.idempotencyKey }),
  });
  if (flags.wait === true) return watchRun(client, plan.dataset.id, flags, flags.every);
  show(flags, plan, () => `${planText(plan)}Watch it: orrery run ${plan.dataset.id} --watch\n`);
}

const textTypes = ["string", "date", "datetime", "enum"];

/** A parameter that the template declares as text stays text (`--param day=1`); any other that reads as JSON is its value. */
async function paramsOf(client: Client, template: string, given: Given): Promise<Record<string, unknown>> {
  const names = Object.keys(given);
  if (names.length === 0) return {};
  const { params } = await client.get<TemplateRow>(`/template/${encodeURIComponent(template)}`);
  const types = new Map(params.map(({ name, type }) => [name, type]));
  return Object.fromEntries(
    names.map((name) => {
      const text = given[name] ?? "";
      return [name, textTypes.includes(types.get(name) ?? "") ? text : jsonOrText(text)];
    }),
  );
}

export function submitCommand(): Command {
  return withTriggerOptions(
    apiCommand("submit", "send a file: a plan is started, a template is stored and, with --run, started", [
      "orrery submit plan.json",
      "orrery submit etl.yaml",
      "orrery submit etl.yaml --run --param day=2026-01-31 --wait",
    ])
      .argument(
        "<file>",
        "a plan (dataset, data_products, dependencies) or a template (tasks), YAML or JSON; - for standard input",
      )
      .option("--run", "run the template at once (also implied by --param and --wait)"),
  ).action(submit);
}

async function submit(file: string, flags: TriggerFlags & { run?: boolean }): Promise<void> {
  const client = clientOf(flags);
  const text = fileText(file);
  const json = jsonOf(text);
  const value = json ?? new YamlSource(text, file).value;
  if (isPlan(value)) {
    const plan = await client.send<Plan>("POST", "/plan", { body: value });
    show(flags, plan, () => planText(plan));
    return;
  }
  const stored = await sendTemplate<TemplateRow>(client, "/template", file, text);
  const runs = flags.run === true || flags.wait === true || flags.param !== undefined;
  if (runs) return trigger(client, stored.id, flags);
  show(flags, stored, () => storedText(stored));
}

/** Null when it is none: YAML then. Plans of thousands of products are JSON, and read some hundred times faster so. */
function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}

const isPlan = (value: unknown): boolean => typeof value === "object" && value !== null && "data_products" in value;
