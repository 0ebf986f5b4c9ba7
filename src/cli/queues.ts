/** `orrery queues …`: what waits where, and the limits of each queue. */
import { type Command, InvalidArgumentError } from "commander";
import { SetupError } from "../model/errors.ts";
import { defaultGuardrails, keyConcurrencyDefault } from "../model/policy-limits.ts";
import { type ApiFlags, apiCommand, clientOf, groupCommand, show } from "./api-command.ts";
import type { QueueRow } from "./shapes.ts";
import { table } from "./table.ts";

/** Option and setting, and what it limits. */
const settings = [
  ["concurrency", "concurrency", "jobs that run at once"],
  ["key-concurrency", "key_concurrency", "jobs of one concurrency key that run at once"],
  ["rate", "rate_per_s", "jobs begun a second"],
  ["burst", "rate_burst", "jobs begun at once after a quiet time"],
  ["enqueue-rate", "enqueue_per_s", "jobs enqueued a second; above it callers get 429"],
  ["enqueue-burst", "enqueue_burst", "jobs enqueued at once after a quiet time"],
  ["depth", "depth_max", "jobs that wait; above it callers get 429"],
  ["payload-bytes", "payload_bytes_max", "the size of a payload"],
  ["retries", "retries_per_min", "retries a minute"],
] as const;

export function queuesCommand(): Command {
  return groupCommand(
    "queues",
    "see queues, limit, pause and resume them",
    ["orrery queues list", "orrery queues set default --concurrency 20 --rate 5"],
    [listCommand(), setCommand(), pauseCommand("pause"), pauseCommand("resume")],
  );
}

function listCommand(): Command {
  return apiCommand("list", "list the queues", ["orrery queues list"]).action(async (flags: ApiFlags) => {
    const rows = await clientOf(flags).get<QueueRow[]>("/queue");
    show(flags, rows, () => queueTable(rows));
  });
}

export function queueTable(rows: readonly QueueRow[]): string {
  if (rows.length === 0) return "There is no queue yet: the first job makes one.\n";
  return table(rows, [
    { title: "queue", of: ({ name }) => name },
    { title: "depth", of: ({ depth }) => depth },
    { title: "scheduled", of: ({ scheduled }) => scheduled },
    { title: "running", of: ({ running }) => running },
    { title: "held", of: ({ held }) => held },
    { title: "concurrency", of: ({ concurrency }) => concurrency },
    { title: "per key", of: ({ key_concurrency }) => key_concurrency ?? keyConcurrencyDefault },
    { title: "rate/s", of: ({ rate_per_s }) => rate_per_s },
    { title: "depth max", of: ({ depth_max }) => depth_max ?? defaultGuardrails.depthMax },
    { title: "", of: ({ paused }) => (paused ? "paused" : " "), colour: () => "yellow" },
  ]);
}

function setCommand(): Command {
  const command = apiCommand("set", "set limits of a queue; `none` takes one away", [
    "orrery queues set default --concurrency 20",
    "orrery queues set mail --rate 5 --burst 10 --depth 10000",
    "orrery queues set mail --rate none",
  ]).argument("<name>", "the queue");
  for (const [option, , what] of settings) command.option(`--${option} <number>`, what, limitOf);
  return command.action(async (name: string, flags: ApiFlags & Record<string, unknown>) => {
    const body: Record<string, unknown> = {};
    for (const [option, setting] of settings) {
      const value = flags[camel(option)];
      if (value !== undefined) body[setting] = value === "none" ? null : value;
    }
    if (Object.keys(body).length === 0)
      throw new SetupError(`Cannot set nothing: give one of ${settings.map(([option]) => `--${option}`).join(", ")}`);
    await change(name, body, flags);
  });
}

/** Null would count as no value at all. */
function limitOf(text: string): number | "none" {
  if (text === "none") return "none";
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It must be a number from 0 up, or none.");
}

const camel = (option: string): string => option.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

function pauseCommand(verb: "pause" | "resume"): Command {
  const what = verb === "pause" ? "start no more jobs of a queue; what runs goes on" : "start a queue's jobs again";
  return apiCommand(verb, what, [`orrery queues ${verb} default`])
    .argument("<name>", "the queue")
    .action((name: string, flags: ApiFlags) => change(name, { paused: verb === "pause" }, flags));
}

async function change(name: string, body: object, flags: ApiFlags): Promise<void> {
  const row = await clientOf(flags).send<QueueRow>("PUT", `/queue/${encodeURIComponent(name)}`, { body });
  show(flags, row, () => queueTable([row]));
}
