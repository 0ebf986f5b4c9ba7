/** orrery.yaml: which computes there are, where templates lie, how jobs are run, how the ground segment listens. Errors name file, line and column. */
import { readFileSync } from "node:fs";
import * as v from "valibot";
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from "yaml";
import {
  type ComputeConfig,
  Computes,
  type JobTypeConfig,
  JobTypes,
  jobTypeFlaw,
  jobTypeKeys,
  knownComputeKeys,
  mountKeys,
  retryKeys,
} from "./config-computes.ts";
import { type ShipConfig, Ships, shipKeys, shipsOf, within } from "./config-ships.ts";
import { SetupError } from "./model/errors.ts";
import { issueText } from "./model/schema-issue.ts";

const seconds = v.pipe(v.number(), v.minValue(0), v.maxValue(86_400));
const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const Ground = v.strictObject({
  host: v.optional(v.pipe(v.string(), v.nonEmpty()), "127.0.0.1"),
  ports: v.optional(
    v.pipe(
      v.tuple([port, port]),
      v.check(([min, max]) => min <= max, "the first port may not be above the second"),
    ),
    [20_000, 20_999],
  ),
  prepass_margin_s: v.optional(seconds, 5),
  drain_margin_s: v.optional(seconds, 5),
  packet_size_max: v.optional(v.pipe(v.number(), v.integer(), v.minValue(7), v.maxValue(65_542)), 65_542),
  stale_after_s: v.optional(seconds, 30),
  hot_bytes_max: v.optional(within("hotBytes"), 4 * 1024 ** 3),
});

const Jobs = v.strictObject({
  lease_s: v.optional(v.pipe(v.number(), v.minValue(0.5), v.maxValue(3_600)), 30),
  concurrency: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000)), 64),
  labels: v.optional(v.pipe(v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(100))), v.maxLength(32)), []),
  retention_days: v.optional(v.pipe(v.number(), v.integer(), v.minValue(7), v.maxValue(3_650)), 90),
});
const Webhook = v.strictObject({
  url: v.pipe(
    v.string(),
    v.check(
      (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
      "an http or https address is needed",
    ),
  ),
  secret_env: v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "the name of an environment variable is needed")),
  allow_private: v.optional(v.union([v.boolean(), v.array(v.string())]), false),
});
const Alarms = v.strictObject({ webhook: v.optional(Webhook) });

const File = v.strictObject({
  computes: v.optional(Computes, {}),
  job_types: v.optional(JobTypes, {}),
  templates: v.optional(v.pipe(v.string(), v.nonEmpty())),
  flows: v.optional(v.pipe(v.string(), v.nonEmpty())),
  jobs: v.optional(Jobs, {}),
  ground: v.optional(Ground, {}),
  ships: v.optional(Ships, {}),
  alarms: v.optional(Alarms, {}),
  read_access: v.optional(v.picklist(["open", "closed"]), "open"),
});

export interface AlarmsConfig {
  readonly webhook: {
    readonly url: string;
    /** The environment variable that holds its secret, `whsec_…`. */
    readonly secretEnv: string;
    readonly allowPrivate: boolean | readonly string[];
  } | null;
}

/** `closed`: reading needs a token, a key or a session too. */
export type ReadAccess = "open" | "closed";

export interface ConfigFile {
  readonly readAccess: ReadAccess;
  readonly alarms: AlarmsConfig;
  readonly computes: Readonly<Record<string, ComputeConfig>>;
  readonly jobTypes: Readonly<Record<string, JobTypeConfig>>;
  /** As written: relative to the file. */
  readonly templates: string | null;
  /** As written: relative to the file. */
  readonly flows: string | null;
  /** How this node runs jobs. */
  readonly jobs: {
    /** A holder that is not heard of for so long loses its job. */
    readonly leaseMs: number;
    /** Runs at once, over all computes. */
    readonly concurrency: number;
    /** What this node is: jobs may require some. */
    readonly labels: readonly string[];
    /** How long the record of ended jobs is kept. */
    readonly retentionDays: number;
  };
  readonly ground: {
    readonly host: string;
    readonly portMin: number;
    readonly portMax: number;
    readonly prepassMarginS: number;
    readonly drainMarginS: number;
    readonly packetSizeMax: number;
    /** A pass that hears nothing for so long raises an alarm; 0: none does. */
    readonly staleAfterS: number;
    /** Octets that the hot store holds of any ship that has no such quota of its own. */
    readonly hotBytesMax: number;
  };
  readonly ships: Readonly<Record<string, ShipConfig>>;
}

export const emptyConfigFile = (): ConfigFile => shapeOf(v.parse(File, {}));

export function readConfigFile(path: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new SetupError(`Cannot read the configuration ${path}: ${error instanceof Error ? error.message : error}`);
  }
  return parseConfigFile(text, path);
}

/** `path` is only what messages say. */
export function parseConfigFile(text: string, path: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const [flaw] = document.errors;
  if (flaw) throw new SetupError(`${at(flaw.pos[0])}: not YAML: ${flaw.message}`);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    throw new SetupError(`${path}: ${error instanceof Error ? error.message : error}`);
  }
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new SetupError(
      `${at(document.contents?.range?.[0] ?? 0)}: keys are needed, such as ${Object.keys(File.entries).join(", ")}`,
    );
  }
  const result = v.safeParse(File, value);
  if (result.success) {
    const flaw = jobTypeFlaw(result.output.job_types, result.output.computes);
    if (flaw === null) return shapeOf(result.output);
    const keys = ["job_types", ...flaw.keys];
    throw new SetupError(`${at(offsetOf(document, keys))}: cannot use ${keys.join(".")}: ${flaw.message}`);
  }
  const [issue] = result.issues;
  const keys = (issue.path ?? []).map((item) => item.key as string | number); // our schemas have no other keys
  throw new SetupError(
    `${at(offsetOf(document, keys))}: ${issueText(issue, keys, () => knownKeys(keys.slice(0, -1), value))}`,
  );
}

function knownKeys(parents: readonly (string | number)[], value: unknown): string[] {
  if (parents.length === 0) return Object.keys(File.entries);
  if (parents[0] === "alarms") return Object.keys(parents.length === 1 ? Alarms.entries : Webhook.entries);
  if (parents[0] === "ground") return Object.keys(Ground.entries);
  if (parents[0] === "ships") return shipKeys(parents);
  if (parents[0] === "jobs") return Object.keys(Jobs.entries);
  if (parents.at(-1) === "retry") return retryKeys;
  if (parents.includes("mounts")) return mountKeys;
  if (parents[0] === "job_types") return jobTypeKeys;
  const entry = parents.reduce<unknown>((at, key) => (at as Record<string | number, unknown>)?.[key], value); // walks parsed YAML
  return knownComputeKeys((entry as { kind?: unknown } | undefined)?.kind);
}

/** The key's own place for a map's entry, else its value's; the nearest parent that is there for a missing one. */
function offsetOf(document: Document, keys: readonly (string | number)[]): number {
  for (let depth = keys.length; depth > 0; depth--) {
    const parent = depth === 1 ? document.contents : document.getIn(keys.slice(0, depth - 1), true);
    if (isMap(parent)) {
      const pair = parent.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(keys[depth - 1]),
      );
      if (pair && isScalar(pair.key)) return pair.key.range?.[0] ?? 0;
    }
    const node = document.getIn(keys.slice(0, depth), true);
    if (isNode(node)) return node.range?.[0] ?? 0;
  }
  return document.contents?.range?.[0] ?? 0;
}

function shapeOf(file: v.InferOutput<typeof File>): ConfigFile {
  const { ground, jobs } = file;
  const { webhook } = file.alarms;
  return {
    alarms: {
      webhook: webhook
        ? { url: webhook.url, secretEnv: webhook.secret_env, allowPrivate: webhook.allow_private }
        : null,
    },
    readAccess: file.read_access,
    computes: file.computes,
    jobTypes: file.job_types,
    templates: file.templates ?? null,
    flows: file.flows ?? null,
    jobs: {
      leaseMs: jobs.lease_s * 1000,
      concurrency: jobs.concurrency,
      labels: jobs.labels,
      retentionDays: jobs.retention_days,
    },
    ground: {
      host: ground.host,
      portMin: ground.ports[0],
      portMax: ground.ports[1],
      prepassMarginS: ground.prepass_margin_s,
      drainMarginS: ground.drain_margin_s,
      packetSizeMax: ground.packet_size_max,
      staleAfterS: ground.stale_after_s,
      hotBytesMax: ground.hot_bytes_max,
    },
    ships: shipsOf(file.ships),
  };
}
