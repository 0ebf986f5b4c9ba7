/** Environment, flags and orrery.yaml become one frozen Config, or an error that names the variable, the key or the line. */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import * as v from "valibot";
import { type ConfigFile, emptyConfigFile, readConfigFile } from "./config-file.ts";
import { readDotEnv } from "./dotenv.ts";
import { exampleDirectory } from "./example-files.ts";
import { SetupError } from "./model/errors.ts";
import type { Service } from "./model/service.ts";
import { developmentIdentity, parseServices } from "./services.ts";

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface GroundConfig {
  /** The address that passes listen on unless they name one. */
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
}

/** Where alarms are sent. */
export interface WebhookConfig {
  readonly url: string;
  /** One or, while one is replaced, several: `whsec_…`. */
  readonly secrets: readonly string[];
  readonly allowPrivate: boolean | readonly string[];
}

export interface Config {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** What links and the OpenAPI document say; no slash at its end. */
  readonly baseUrl: string;
  readonly databaseUrl: string | null;
  readonly redisUrl: string | null;
  readonly maxConnections: number;
  /** Absolute. */
  readonly dataDir: string;
  readonly secretKey: Uint8Array;
  readonly services: readonly Service[];
  readonly logLevel: LogLevel;
  /** Runs the example mission at start. */
  readonly example: boolean;
  readonly readAccess: ConfigFile["readAccess"];
  readonly computes: ConfigFile["computes"];
  readonly jobTypes: ConfigFile["jobTypes"];
  /** Absolute. */
  readonly templatesDir: string | null;
  /** Absolute. */
  readonly flowsDir: string | null;
  readonly jobs: ConfigFile["jobs"];
  readonly ground: GroundConfig;
  readonly ships: Readonly<
    Record<
      string,
      /** The path is absolute. */
      Omit<ConfigFile["ships"][string], "packets"> & { readonly packetsPath: string | null }
    >
  >;
  readonly alarms: { readonly webhook: WebhookConfig | null };
  readonly configPath: string | null;
  /** What relative paths of the configuration are relative to. */
  readonly configDir: string;
  /** Where the process was started; the same where there is no file. */
  readonly startDir: string;
  /** Things to say in the log once there is one, such as a development key that was made. */
  readonly notes: readonly string[];
}

/** Each wins over its environment variable. */
export interface Flags {
  readonly host?: string | undefined;
  readonly port?: string | number | undefined;
  readonly baseUrl?: string | undefined;
  readonly databaseUrl?: string | undefined;
  readonly redisUrl?: string | undefined;
  readonly maxConnections?: string | number | undefined;
  readonly data?: string | undefined;
  readonly config?: string | undefined;
  readonly logLevel?: string | undefined;
  /** Undefined: when there is neither a configuration file nor a database. */
  readonly example?: boolean | undefined;
}

export interface ConfigSources {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly flags?: Flags;
  readonly cwd?: string;
}

const variables: { [Name in keyof Flags]?: string } = {
  host: "HOST",
  port: "PORT",
  baseUrl: "BASE_URL",
  databaseUrl: "DATABASE_URL",
  redisUrl: "REDIS_URL",
  maxConnections: "MAX_CONNECTIONS",
  data: "ORRERY_DATA",
  config: "ORRERY_CONFIG",
  logLevel: "LOG_LEVEL",
};

const integer = (min: number, max: number) =>
  v.pipe(
    v.union([v.string(), v.number()]),
    v.check((text) => /^\d+$/.test(String(text)), `a whole number from ${min} to ${max} is needed`),
    v.transform(Number),
    v.minValue(min, `a whole number from ${min} to ${max} is needed`),
    v.maxValue(max, `a whole number from ${min} to ${max} is needed`),
  );

const address = (what: string, ...schemes: string[]) =>
  v.pipe(
    v.string(),
    v.check((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol), what),
  );

const Settings = v.object({
  host: v.optional(v.string(), "127.0.0.1"),
  port: v.optional(integer(0, 65_535), 3000),
  baseUrl: v.optional(address("an address such as https://orrery.example.org is needed", "http:", "https:")),
  databaseUrl: v.optional(
    address("an address such as postgres://user@host:5432/orrery is needed", "postgres:", "postgresql:"),
  ),
  redisUrl: v.optional(address("an address such as redis://host:6379/0 is needed", "redis:", "rediss:")),
  maxConnections: v.optional(integer(1, 1000), 10),
  data: v.optional(v.string(), "./data"),
  config: v.optional(v.string()),
  logLevel: v.optional(v.picklist(logLevels, `one of ${logLevels.join(", ")} is needed`), "info"),
});

/** Reads everything a process is told from outside. Makes a development identity in the data directory when none is set. */
export function loadConfig({ env = {}, flags = {}, cwd = process.cwd() }: ConfigSources = {}): Config {
  const environment = { ...readDotEnv(cwd), ...env };
  const settings = readSettings(environment, flags);
  const dataDir = resolve(cwd, settings.data);
  const ownPath = findConfigFile(settings.config, cwd);
  const databaseUrl = settings.databaseUrl ?? null;
  const example = flags.example ?? (ownPath === null && databaseUrl === null);
  const configPath = ownPath ?? (example ? exampleConfigPath(dataDir) : null);
  const file = configPath === null ? emptyConfigFile() : readConfigFile(configPath);
  const configDir = configPath === null ? cwd : dirname(configPath);
  const identity = identityOf(environment, settings.host, dataDir);
  return Object.freeze({
    host: settings.host,
    port: settings.port,
    baseUrl: (settings.baseUrl ?? urlOf(settings.host, settings.port)).replace(/\/+$/, ""),
    databaseUrl,
    redisUrl: settings.redisUrl ?? null,
    maxConnections: settings.maxConnections,
    dataDir,
    secretKey: identity.secretKey,
    services: identity.services,
    logLevel: settings.logLevel,
    example,
    readAccess: file.readAccess,
    computes: file.computes,
    jobTypes: file.jobTypes,
    templatesDir: file.templates === null ? null : resolve(configDir, file.templates),
    flowsDir: file.flows === null ? null : resolve(configDir, file.flows),
    jobs: file.jobs,
    ground: file.ground,
    ships: Object.fromEntries(
      Object.entries(file.ships).map(([name, { packets, ...ship }]) => [
        name,
        { ...ship, packetsPath: packets === null ? null : resolve(configDir, packets) },
      ]),
    ),
    alarms: { webhook: webhookOf(file.alarms, environment) },
    configPath,
    configDir,
    startDir: cwd,
    notes: identity.notes,
  });
}

/** Its secret is never in the file. */
function webhookOf(
  { webhook }: ConfigFile["alarms"],
  env: Readonly<Record<string, string | undefined>>,
): WebhookConfig | null {
  if (webhook === null) return null;
  const { url, secretEnv, allowPrivate } = webhook;
  const secrets = (env[secretEnv] ?? "").split(/\s+/).filter((secret) => secret !== "");
  if (secrets.length === 0 || !secrets.every((secret) => /^whsec_[A-Za-z0-9+/]{32,}={0,2}$/.test(secret))) {
    throw new SetupError(
      `Cannot send alarms to ${new URL(url).host} as ${secretEnv} is ${secrets.length === 0 ? "not set" : "no list of secrets"}: whsec_ and base64 of 24 bytes or more is needed (\`echo whsec_$(openssl rand -base64 32)\` makes one)`,
    );
  }
  return { url, secrets, allowPrivate };
}

/** An address people can open: a wildcard host is shown as localhost. */
export function urlOf(host: string, port: number): string {
  const shown = host === "0.0.0.0" || host === "::" ? "localhost" : host;
  return `http://${shown.includes(":") ? `[${shown}]` : shown}:${port}`;
}

function readSettings(env: Readonly<Record<string, string | undefined>>, flags: Flags): v.InferOutput<typeof Settings> {
  const given: Record<string, string | number> = {};
  const namedAs = new Map<string, string>();
  for (const [flag, variable] of Object.entries(variables)) {
    const fromFlag = flags[flag as keyof typeof variables]; // Object.entries forgets the keys' type
    const value = typeof fromFlag === "boolean" ? undefined : (fromFlag ?? env[variable]);
    // An empty variable is an unset one: compose files and shells cannot leave one out conditionally.
    if (value === undefined || value === "") continue;
    given[flag] = value;
    namedAs.set(flag, fromFlag === undefined ? variable : `--${kebab(flag)}`);
  }
  const result = v.safeParse(Settings, given);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const field = v.getDotPath(issue) ?? "";
  throw new SetupError(
    `Cannot use ${namedAs.get(field) ?? field} as ${issue.message}: current value is "${withoutPassword(given[field])}"`,
  );
}

function findConfigFile(named: string | undefined, cwd: string): string | null {
  const path = resolve(cwd, named ?? "orrery.yaml");
  if (existsSync(path)) return path;
  if (named === undefined) return null;
  throw new SetupError(
    `Cannot read the configuration as there is no file ${path}: create it, or change --config or ORRERY_CONFIG`,
  );
}

function exampleConfigPath(dataDir: string): string | null {
  const directory = exampleDirectory(dataDir);
  return directory === null ? null : resolve(directory, "orrery.yaml");
}

interface Identity {
  readonly secretKey: Uint8Array;
  readonly services: readonly Service[];
  readonly notes: readonly string[];
}

/** As long as the digest that it keys (RFC 7518, §3.2). */
const secretBytesMin = 32;

function identityOf(env: Readonly<Record<string, string | undefined>>, host: string, dataDir: string): Identity {
  const { SECRET_KEY: secretKey, REMOTE_APIS: remoteApis } = env;
  const configured = remoteApis ? parseServices(remoteApis) : null;
  if (secretKey && configured) {
    const isShort = Buffer.byteLength(secretKey) < secretBytesMin;
    const notes = isShort
      ? [`SECRET_KEY is shorter than ${secretBytesMin} bytes: tokens can be forged by guessing it`]
      : [];
    return { secretKey: Buffer.from(secretKey), services: configured, notes };
  }
  const missing = [secretKey ? null : "SECRET_KEY", configured ? null : "REMOTE_APIS"].filter((name) => name !== null);
  if (!isLoopback(host)) {
    throw new SetupError(
      `Cannot listen on ${host} as ${missing.join(" and ")} ${missing.length > 1 ? "are" : "is"} not set, and a development key must not be reachable from other machines: ` +
        `set SECRET_KEY to a long random text and REMOTE_APIS to a list of services (\`orrery hash KEY\` makes an entry), or listen on 127.0.0.1`,
    );
  }
  const development = developmentIdentity(dataDir);
  return {
    secretKey: Buffer.from(secretKey ? secretKey : development.secretKey),
    services: configured ?? [development.service],
    notes: [
      `${missing.join(" and ")} not set: using the development ${configured ? "key" : `service "${development.service.service}"`} kept in ${development.path}, on ${host} only`,
    ],
  };
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** An address as it may be shown: without its password. */
export function withoutPassword(address: string | number | undefined): string {
  return String(address ?? "").replace(/^(\w+:\/\/[^:@/]*):[^@/]*@/, "$1:***@");
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
