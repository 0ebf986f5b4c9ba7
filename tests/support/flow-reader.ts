/** What a flow's source hands over, kept for a test to look at. */
import type { Message } from "../../src/flow/message.ts";
import type { SourceListener } from "../../src/flow/source.ts";

export interface FlowReader extends SourceListener {
  readonly partitions: readonly string[];
  readonly all: readonly Message[];
  readonly batches: number;
  readonly failures: readonly (readonly [partition: string, reason: string])[];
  /** Called with each batch, after it was kept. */
  onBatch: (partition: string, batch: readonly Message[]) => void;
}

export function flowReader(): FlowReader {
  const partitions: string[] = [];
  const all: Message[] = [];
  const failures: [string, string][] = [];
  let batches = 0;
  return {
    partitions,
    all,
    failures,
    get batches() {
      return batches;
    },
    onBatch: () => {},
    assigned: (partition) => void partitions.push(partition),
    revoked: async () => {},
    messages(partition, batch) {
      batches += 1;
      all.push(...batch);
      this.onBatch(partition, batch);
    },
    failed: (partition, { message }) => void failures.push([partition, message]),
  };
}

/** As text. */
export const valuesOf = (messages: readonly Message[]): readonly string[] =>
  messages.map(({ value }) => (typeof value === "string" ? value : new TextDecoder().decode(value)));
