/** What members of a consumer group tell each other through the broker, in the shapes that Kafka's own tools read. */
import { Reader, Writer } from "@platformatic/kafka";

/** Topic → numbers of its partitions. */
export type Partitions = ReadonlyMap<string, readonly number[]>;

export interface Subscription {
  readonly topics: readonly string[];
  /** What the member reads as it joins. */
  readonly owned: Partitions;
}

/** ConsumerProtocolSubscription: the first version with owned partitions. */
const subscriptionVersion = 1;
const assignmentVersion = 0;

export function encodeSubscription({ topics, owned }: Subscription): Buffer {
  const writer = Writer.create()
    .appendInt16(subscriptionVersion)
    .appendArray([...topics], (to, topic) => to.appendString(topic, false), false, false)
    .appendBytes(null, false);
  return appendPartitions(writer, owned).buffer;
}

/** Of any version; an older one owns nothing. */
export function decodeSubscription(bytes: Buffer): Subscription {
  const reader = Reader.from(bytes);
  const version = reader.readInt16();
  const topics = reader.readArray((from) => from.readString(false), false, false);
  reader.readNullableBytes(false);
  return { topics, owned: version >= subscriptionVersion ? readPartitions(reader) : new Map() };
}

export const encodeAssignment = (partitions: Partitions): Buffer =>
  // Data of ours would follow: none, and not null, which some tools cannot read.
  appendPartitions(Writer.create().appendInt16(assignmentVersion), partitions).appendBytes(Buffer.alloc(0), false)
    .buffer;

/** Who is given nothing may get no bytes at all. */
export function decodeAssignment(bytes: Buffer): Partitions {
  if (bytes.length === 0) return new Map();
  const reader = Reader.from(bytes);
  reader.readInt16();
  return readPartitions(reader);
}

function appendPartitions(writer: Writer, partitions: Partitions): Writer {
  return writer.appendArray(
    [...partitions],
    (to, [topic, numbers]) =>
      to.appendString(topic, false).appendArray([...numbers], (into, number) => into.appendInt32(number), false, false),
    false,
    false,
  );
}

function readPartitions(reader: Reader): Partitions {
  return new Map(
    reader.readArray(
      (from): [string, number[]] => [
        from.readString(false),
        from.readArray((inner) => inner.readInt32(), false, false),
      ],
      false,
      false,
    ),
  );
}
