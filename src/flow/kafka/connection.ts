/** How sources and sinks reach a Kafka cluster, and who they say that they are. */
import type { SASLOptions } from "@platformatic/kafka";
import * as v from "valibot";
import { authorityOf, variableOf } from "../../compute/request-settings.ts";
import type { Environment } from "../../compute/shell.ts";
import { variable } from "../../config-computes.ts";
import { SetupError } from "../../model/errors.ts";

const broker = v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]+(:\d{1,5})?$/, "host:port of a broker is needed"));

export const topicName = v.pipe(
  v.string(),
  v.regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/, "a topic's name has letters, digits, ., _ and -, at most 249"),
);

/** The variables that hold a user and a password. */
const sasl = v.strictObject({
  mechanism: v.picklist(["plain", "scram-sha-256", "scram-sha-512"]),
  username_env: variable,
  password_env: variable,
});

/** What each that uses a cluster says of it. */
export const cluster = {
  /** Some of the cluster: the others are found by them. */
  brokers: v.pipe(v.array(broker), v.minLength(1), v.maxLength(100)),
  tls: v.optional(v.boolean()),
  /** With TLS: PEM of the authorities to trust instead of the runtime's. */
  ca_file: v.optional(v.pipe(v.string(), v.nonEmpty())),
  sasl: v.optional(sasl),
};

interface ClusterConfig {
  readonly brokers: readonly string[];
  readonly tls?: boolean | undefined;
  readonly ca_file?: string | undefined;
  readonly sasl?: v.InferOutput<typeof sasl> | undefined;
}

export interface KafkaParts {
  /** Relative paths start here. */
  readonly configDir: string;
  /** Where the variables are looked up that are named. */
  readonly environment: Environment;
}

/** For whoever reads that a cluster does not let us in. */
export const connectionTodo = "see that brokers, tls and sasl are what the cluster listens with";

export interface KafkaConnection {
  readonly brokers: readonly string[];
  /** Null: without TLS. Else PEM of the authorities to trust, by default the runtime's. */
  readonly tls: { readonly ca?: string } | null;
  /** Null: nobody in particular. */
  readonly sasl: SASLOptions | null;
}

/** `cannot`: how a refusal begins, such as `Cannot use sink "lake"`. Throws `SetupError` when the authorities cannot be read or are not asked for, or a variable is not set. */
export function connectionOf(
  cannot: string,
  config: ClusterConfig,
  { configDir, environment }: KafkaParts,
): KafkaConnection {
  if (config.ca_file !== undefined && config.tls !== true)
    throw new SetupError(`${cannot}: its ca_file needs tls: true`);
  const ca = authorityOf(cannot, config.ca_file, configDir);
  return {
    brokers: config.brokers,
    tls: config.tls === true ? { ...(ca !== undefined && { ca }) } : null,
    sasl: saslOf(cannot, config, environment),
  };
}

function saslOf(cannot: string, { sasl, tls, brokers }: ClusterConfig, environment: Environment): SASLOptions | null {
  if (sasl === undefined) return null;
  // It is sent as it is: whoever listens on the way has it.
  if (sasl.mechanism === "plain" && tls !== true && !brokers.every(isLoopback))
    throw new SetupError(`${cannot}: sasl with plain sends the password as it is: add tls: true, or use scram-sha-512`);
  return {
    mechanism: mechanisms[sasl.mechanism],
    username: variableOf(cannot, sasl.username_env, environment),
    password: variableOf(cannot, sasl.password_env, environment),
  };
}

const mechanisms = { plain: "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512" } as const;

const isLoopback = (address: string): boolean => /^(localhost|127(\.\d{1,3}){3})(:|$)/.test(address);

export const optionsOf = ({ brokers, tls, sasl }: KafkaConnection) => ({
  clientId: "orrery",
  bootstrapBrokers: [...brokers],
  // No `tlsServerName`: the runtimes send it by themselves, and Bun throws, in no promise of ours, when it is told one that is an address.
  ...(tls !== null && { tls }),
  ...(sasl !== null && { sasl }),
});
