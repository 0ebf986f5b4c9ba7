/** Reads what plans did, in the order in which it was seen committed, and hands over the changes that its flow asks for. */
import { changesPerPlace, type FlowEvent, productsOfChanges, readFlowEvents } from "../../store/flow-events.ts";
import type { Sql } from "../../store/sql.ts";
import type { SourceListener } from "../source.ts";
import type { PartitionReader } from "./leased-readers.ts";
import { changesOf, isAskedFor, messageOf, type PlanFilter } from "./plan-message.ts";
import { createProgress } from "./progress.ts";
import type { SourceParts } from "./setup.ts";

export interface PlanReader extends PartitionReader {
  /** There may be more: it is read, until it is paused. */
  look(): void;
}

export interface PlanReaderParts {
  readonly flow: string;
  readonly partition: string;
  readonly start: number;
  readonly filter: PlanFilter;
  readonly sql: Sql;
  readonly listener: Pick<SourceListener, "messages">;
  readonly log: SourceParts["log"];
}

/** Event rows that are read at once, and changes of them that are looked up at once; a row of more is looked up alone. */
const rowsMax = 100;
const changesMax = 1000;

export function createPlanReader(parts: PlanReaderParts): PlanReader {
  const { flow, partition, start, filter, sql, listener, log } = parts;
  const progress = createProgress(start);
  let isPaused = false;
  let isClosed = false;
  let reading: Promise<void> | null = null;
  const isStopped = () => isPaused || isClosed;

  function go(): void {
    if (isStopped()) return;
    reading ??= read()
      .catch((error: unknown) => log.warn({ err: error, flow }, "what plans did could not be read: it is tried again"))
      .finally(() => {
        reading = null;
      });
  }

  async function read(): Promise<void> {
    while (!isStopped()) {
      const rows = await readFlowEvents(sql, Math.floor(progress.next / changesPerPlace), rowsMax);
      for (let at = 0; at < rows.length && !isStopped(); ) {
        const some = rows.slice(at, at + countWithin(rows.slice(at)));
        await handOver(some);
        at += some.length;
      }
      if (rows.length < rowsMax) return;
    }
  }

  async function handOver(events: readonly FlowEvent[]): Promise<void> {
    const changes = events.map((event) => changesOf(event, filter));
    const asked = changes.flat().map(({ event, productId }) => ({ datasetId: event.datasetId, productId }));
    const found = asked.length === 0 ? [] : await productsOfChanges(sql, asked);
    const products = new Map(found.map((product) => [`${product.datasetId} ${product.productId}`, product]));
    for (const [i, event] of events.entries()) {
      if (isStopped()) return;
      const batch = (changes[i] ?? []).flatMap((change) => {
        const product = products.get(`${event.datasetId} ${change.productId}`);
        if (!isAskedFor(product, filter)) return [];
        const message = messageOf(flow, partition, change, product);
        return message.offset < progress.next ? [] : [message];
      });
      const last = batch.at(-1);
      if (last !== undefined) {
        progress.handedOver(last.offset);
        listener.messages(partition, batch);
      }
      progress.lookedAt((event.seq + 1) * changesPerPlace);
    }
  }

  return {
    progress,
    hasFailed: false,
    waiting: null,
    look: go,
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
      // What is under way may have seen the pause, and ends.
      void (reading ?? Promise.resolve()).then(go);
    },
    async close() {
      isClosed = true;
      await reading;
    },
  };
}

/** So many of the first rows have together few enough changes; at least one. */
function countWithin(rows: readonly FlowEvent[]): number {
  let changes = 0;
  for (const [i, { changes: text }] of rows.entries()) {
    // A change takes some 60 characters: near enough for a bound.
    changes += Math.ceil(text.length / 60);
    if (changes > changesMax && i > 0) return i;
  }
  return rows.length;
}
