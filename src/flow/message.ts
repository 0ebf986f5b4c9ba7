/** A message as its source read it, and the keys by which what came of it is known. */

/**
 * Where a message lies. Offsets are safe integers that grow within a partition; a source whose own are not (a file and its line,
 * a Redis stream's ids) keeps the ordinal that stands for each. They may have gaps.
 */
export interface Position {
  readonly partition: string;
  readonly offset: number;
}

export interface Message extends Position {
  readonly flow: string;
  /** What its sender keyed it by; null when it has none. */
  readonly key: string | null;
  readonly value: Uint8Array | string;
  /** When its sender made it or, where that is unknown, when the source read it. */
  readonly timestampMs: number;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * `flow:partition:offset:index`, the same each time that a message is read, so that a sink can know a redelivery. The index counts what
 * the message sends to one sink. Names are encoded, so that a `:` in one cannot make two keys alike.
 */
export const idempotencyKey = ({ flow, partition, offset }: Pick<Message, "flow" | keyof Position>, index: number) =>
  `${encodeURIComponent(flow)}:${encodeURIComponent(partition)}:${offset}:${index}`;
