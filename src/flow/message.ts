/** A message as its source read it, and the keys by which what came of it is known. */

/** Where a message lies, the same each time that it is read. */
export interface Position {
  readonly partition: string;
  /** Of one message of the partition, as its source writes it: Kafka's offset, a file's line, a Redis stream's id. */
  readonly id: string;
}

export interface Message extends Position {
  readonly flow: string;
  /** Its place in the order in which this reader was given the partition: safe integers that grow, with gaps. See `Watermark`. */
  readonly offset: number;
  /** What its sender keyed it by; null when it has none. */
  readonly key: string | null;
  readonly value: Uint8Array | string;
  /** When its sender made it or, where that is unknown, when the source read it. */
  readonly timestampMs: number;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * `flow:partition:id:index`, the same each time that a message is read, so that a sink can know a redelivery. The index says what
 * the message sends to one sink: the task and the payload, such as `0.1`, both counted. Names are encoded, so that a `:` in one cannot make two keys alike.
 */
export const idempotencyKey = ({ flow, partition, id }: Pick<Message, "flow" | keyof Position>, index: string) =>
  `${encodeURIComponent(flow)}:${encodeURIComponent(partition)}:${encodeURIComponent(id)}:${index}`;

/** The flow of an `idempotencyKey`. */
export const flowOf = (key: string): string => decodeURIComponent(key.slice(0, key.indexOf(":")));
