/** How sources and sinks reach a Kafka cluster. */
import * as v from "valibot";
import { authorityOf } from "../../compute/request-settings.ts";
import { SetupError } from "../../model/errors.ts";

const broker = v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]+(:\d{1,5})?$/, "host:port of a broker is needed"));

export const topicName = v.pipe(
  v.string(),
  v.regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/, "a topic's name has letters, digits, ., _ and -, at most 249"),
);

/** What each that uses a cluster says of it. */
export const cluster = {
  /** Some of the cluster: the others are found by them. */
  brokers: v.pipe(v.array(broker), v.minLength(1), v.maxLength(100)),
  tls: v.optional(v.boolean()),
  /** With TLS: PEM of the authorities to trust instead of the runtime's. */
  ca_file: v.optional(v.pipe(v.string(), v.nonEmpty())),
};

interface ClusterConfig {
  readonly brokers: readonly string[];
  readonly tls?: boolean | undefined;
  readonly ca_file?: string | undefined;
}

export interface KafkaConnection {
  readonly brokers: readonly string[];
  /** Null: without TLS. Else PEM of the authorities to trust, by default the runtime's. */
  readonly tls: { readonly ca?: string } | null;
}

/** `cannot`: how a refusal begins, such as `Cannot use sink "lake"`. Throws `SetupError` when the authorities cannot be read or are not asked for. */
export function connectionOf(cannot: string, config: ClusterConfig, configDir: string): KafkaConnection {
  if (config.ca_file !== undefined && config.tls !== true)
    throw new SetupError(`${cannot}: its ca_file needs tls: true`);
  const ca = authorityOf(cannot, config.ca_file, configDir);
  return { brokers: config.brokers, tls: config.tls === true ? { ...(ca !== undefined && { ca }) } : null };
}

export const optionsOf = ({ brokers, tls }: KafkaConnection) => ({
  clientId: "orrery",
  bootstrapBrokers: [...brokers],
  // No `tlsServerName`: the runtimes send it by themselves, and Bun throws, in no promise of ours, when it is told one that is an address.
  ...(tls !== null && { tls }),
});
