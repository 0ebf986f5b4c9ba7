/** A flow's YAML file: source, executor, sinks and policies. Whatever is wrong is refused with file, line and column. */
import * as v from "valibot";
import { retryOf } from "../compute/compute.ts";
import { retryRule } from "../config-computes.ts";
import { flowNamePattern } from "../model/flow-name.ts";
import { schemaFlaw } from "../model/json-schema-flaw.ts";
import { YamlSource } from "../templates/yaml-source.ts";
import { type ExecutorConfig, executorSchemas } from "./executors/kinds.ts";
import type { PartitionPolicy } from "./partition.ts";
import type { RecorderPolicy } from "./recorder.ts";
import type { FeederPolicy } from "./sink-feeder.ts";
import { type SinkConfig, sinkSchemas } from "./sinks/kinds.ts";
import { type SourceConfig, sourceSchemas } from "./sources/kinds.ts";
import type { TaskPolicy } from "./task-run.ts";
import { checkedYaml } from "./yaml-check.ts";

const countUpTo = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max));
const seconds = (max: number) => v.pipe(v.number(), v.gtValue(0), v.maxValue(max));
const name = v.pipe(v.string(), v.regex(flowNamePattern, "letters, digits, - and _ only, at most 64"));
const webAddress = v.pipe(
  v.string(),
  v.check(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
    "an address such as https://kafka-ui.example.org is needed",
  ),
);
const mapping = v.record(v.string(), v.unknown(), "a mapping is needed");

const File = v.strictObject({
  /** Its name; the file's if absent. */
  flow: v.optional(name),
  description: v.optional(v.string()),
  /** Where else it is seen: a Kafka UI, a dashboard. By name, on its page. */
  links: v.optional(v.record(v.pipe(v.string(), v.nonEmpty(), v.maxLength(60)), webAddress), {}),
  source: mapping,
  /** A JSON Schema that each message must fit; any JSON if absent. */
  input: v.optional(mapping),
  /** A TypeScript or JavaScript file whose default export is what `defineFlow` returned. */
  module: v.optional(v.pipe(v.string(), v.nonEmpty())),
  /** What runs its tasks: the module's `execute` if absent. */
  executor: v.optional(mapping, { kind: "function" }),
  /** Tasks that run at once on a node. */
  concurrency: v.optional(countUpTo(10_000), 16),
  attempts: v.optional(countUpTo(100), 3),
  timeout_s: v.optional(seconds(86_400), 60),
  retry: v.optional(retryRule),
  /** Messages of a partition that are read and not done with. */
  window: v.optional(countUpTo(100_000), 1000),
  /** Messages that `arrange` is given at once. */
  batch: v.optional(countUpTo(10_000), 100),
  /** How long a message that is done with may wait for its commit. */
  commit_s: v.optional(seconds(60), 0.5),
  sinks: v.record(name, mapping),
  /** What hooks remember: entries in memory, and for how long. */
  cache: v.optional(
    v.strictObject({ entries: v.optional(countUpTo(1_000_000), 10_000), ttl_s: v.optional(seconds(604_800), 300) }),
    {},
  ),
  /** What the flight recorder keeps. */
  recorder: v.optional(
    v.strictObject({
      kept: v.optional(countUpTo(100_000), 1000),
      slow_s: v.optional(seconds(86_400), 5),
      /** From which duration on a message is logged; absent: none is. */
      log_s: v.optional(seconds(86_400)),
      days: v.optional(countUpTo(365), 7),
    }),
    {},
  ),
  process: v.optional(
    v.strictObject({
      /** Requests a minute that each client may send, and those that may send another number of them. */
      requests_per_min: v.optional(countUpTo(100_000), 600),
      clients: v.optional(v.record(v.string(), countUpTo(100_000)), {}),
      /** Of all who bring no token, together; absent: they are refused. */
      anonymous: v.optional(countUpTo(100_000)),
      deadline_s: v.optional(seconds(3600), 30),
      /** Inputs that wait for their turn. */
      queue: v.optional(countUpTo(100_000), 100),
      /** Whether what comes of a request goes to the sinks too. */
      sinks_enabled: v.optional(v.boolean(), false),
    }),
  ),
});

/** How deliveries go to one sink. */
const Delivery = v.strictObject({
  attempts: v.optional(countUpTo(100), 8),
  timeout_s: v.optional(seconds(600), 10),
  retry: v.optional(retryRule),
  batch: v.optional(countUpTo(10_000), 500),
  /** How long a batch that is not full waits for more. */
  linger_s: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(10)), 0.005),
  /** Batches that fail in a row until the sink is left alone, and for how long. */
  breaker: v.optional(
    v.strictObject({ failures: v.optional(countUpTo(1000), 5), open_s: v.optional(seconds(3600), 5) }),
    {},
  ),
});

export interface FlowSink {
  readonly config: SinkConfig;
  readonly policy: FeederPolicy;
}

/** What `POST /process/{flow}` takes. */
export interface ProcessPolicy {
  readonly requestsPerMin: number;
  readonly clients: Readonly<Record<string, number>>;
  /** Null: they are refused. */
  readonly anonymousPerMin: number | null;
  readonly deadlineMs: number;
  readonly queuedMax: number;
  readonly delivers: boolean;
}

export interface FlowFile {
  readonly id: string;
  readonly description: string | null;
  /** Addresses by name. */
  readonly links: Readonly<Record<string, string>>;
  readonly path: string;
  readonly source: SourceConfig;
  /** A JSON Schema without a flaw. */
  readonly inputSchema: string | null;
  /** As written: relative to the file. */
  readonly module: string | null;
  readonly executor: ExecutorConfig;
  readonly concurrency: number;
  readonly tasks: TaskPolicy;
  readonly partitions: PartitionPolicy;
  readonly sinks: ReadonlyMap<string, FlowSink>;
  /** Null: it is not called. */
  readonly process: ProcessPolicy | null;
  readonly recorder: RecorderPolicy;
  readonly cache: { readonly entriesMax: number; readonly ttlMs: number };
}

export interface FlowSourceText {
  readonly text: string;
  /** What messages say. */
  readonly path: string;
  /** For a flow that names itself not: its file's name. */
  readonly fallbackId: string;
}

/** Throws `TemplateFaultError`. */
export function readFlowFile({ text, path, fallbackId }: FlowSourceText): FlowFile {
  const yaml = new YamlSource(text, path);
  const { value } = yaml;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw yaml.error([], `keys are needed, such as ${Object.keys(File.entries).join(", ")}`);
  const file = checkedYaml(yaml, File, value);
  const id = file.flow ?? fallbackId;
  if (!flowNamePattern.test(id))
    throw yaml.error([], `its file's name is no name for a flow: give it one by the key flow`);
  return {
    id,
    description: file.description ?? null,
    links: file.links,
    path,
    source: ofKind(yaml, sourceSchemas, file.source, ["source"]) as SourceConfig, // of these very schemas
    inputSchema: schemaTextOf(yaml, file.input),
    module: file.module ?? null,
    executor: ofKind(yaml, executorSchemas, file.executor, ["executor"]) as ExecutorConfig, // of these very schemas
    concurrency: file.concurrency,
    tasks: { attemptsMax: file.attempts, timeoutMs: file.timeout_s * 1000, retry: retryOf(file.retry) },
    partitions: { windowMax: file.window, batchMax: file.batch, commitMs: file.commit_s * 1000 },
    sinks: new Map(Object.entries(file.sinks).map(([sink, given]) => [sink, sinkOf(yaml, sink, given)])),
    process: processOf(file.process),
    cache: { entriesMax: file.cache.entries, ttlMs: file.cache.ttl_s * 1000 },
    recorder: {
      keptMax: file.recorder.kept,
      slowMs: file.recorder.slow_s * 1000,
      loggedMs: file.recorder.log_s === undefined ? null : file.recorder.log_s * 1000,
      storedDays: file.recorder.days,
    },
  };
}

function processOf(given: v.InferOutput<typeof File>["process"]): ProcessPolicy | null {
  if (given === undefined) return null;
  return {
    requestsPerMin: given.requests_per_min,
    clients: given.clients,
    anonymousPerMin: given.anonymous ?? null,
    deadlineMs: given.deadline_s * 1000,
    queuedMax: given.queue,
    delivers: given.sinks_enabled,
  };
}

function sinkOf(yaml: YamlSource, sink: string, { delivery = {}, ...given }: Record<string, unknown>): FlowSink {
  const at = ["sinks", sink];
  const policy = checkedYaml(yaml, Delivery, delivery, [...at, "delivery"]);
  return {
    config: ofKind(yaml, sinkSchemas, given, at) as SinkConfig, // of these very schemas
    policy: {
      batchMax: policy.batch,
      lingerMs: policy.linger_s * 1000,
      timeoutMs: policy.timeout_s * 1000,
      attemptsMax: policy.attempts,
      retry: retryOf(policy.retry),
      breaker: { failuresMax: policy.breaker.failures, openMs: policy.breaker.open_s * 1000 },
    },
  };
}

/** Checked by the schema of its kind alone, so that what is said of a fault is about that kind. */
function ofKind(
  yaml: YamlSource,
  schemas: Readonly<Record<string, v.GenericSchema>>,
  given: Record<string, unknown>,
  at: readonly string[],
): unknown {
  const { kind } = given;
  const schema = typeof kind === "string" && Object.hasOwn(schemas, kind) ? schemas[kind] : undefined;
  const kinds = Object.keys(schemas).join(", ");
  if (kind === undefined) throw yaml.error(at, `missing key "kind" in ${at.join(".")}: one of ${kinds} is needed`);
  if (schema === undefined) throw yaml.error([...at, "kind"], `cannot use ${at.join(".")}.kind: it is one of ${kinds}`);
  return checkedYaml(yaml, schema, given, at);
}

function schemaTextOf(yaml: YamlSource, input: Record<string, unknown> | undefined): string | null {
  if (input === undefined) return null;
  const text = JSON.stringify(input);
  const flaw = schemaFlaw(text);
  if (flaw === null) return text;
  const keys = flaw.at === "" ? [] : flaw.at.split(".");
  throw yaml.error(["input", ...keys], `cannot use ${["input", ...keys].join(".")}: ${flaw.why}`);
}
