/** Stands between a flow and its sinks and source: knows what each sink has confirmed, and holds every commit against it. */
import type { Sink } from "../../src/flow/sink.ts";
import type { Source } from "../../src/flow/source.ts";

export interface Witness {
  /** Messages whose positions are committed. */
  readonly committed: number;
  /** Those of them that not every sink had confirmed by then. */
  readonly ahead: number;
  sink(sink: Sink): Sink;
  source(source: Source): Source;
}

/** `sinks`: how many there are, each of which is given every message once. */
export function createWitness(sinks: number): Witness {
  const confirmed = new Map<string, number>();
  const handedOver = new Map<string, { readonly offset: number; readonly id: string }[]>();
  let committed = 0;
  let ahead = 0;
  return {
    get committed() {
      return committed;
    },
    get ahead() {
      return ahead;
    },
    sink: (sink) => ({
      ...sink,
      async deliver(batch, signal) {
        const outcomes = await sink.deliver(batch, signal);
        for (const [i, { origin }] of batch.entries()) {
          const key = `${origin.partition} ${origin.id}`;
          if (outcomes[i]?.kind === "ok") confirmed.set(key, (confirmed.get(key) ?? 0) + 1);
        }
        return outcomes;
      },
    }),
    source: (source) => ({
      ...source,
      open: (listener) =>
        source.open({
          ...listener,
          messages(partition, batch) {
            const known = handedOver.get(partition) ?? [];
            for (const { offset, id } of batch) known.push({ offset, id });
            handedOver.set(partition, known);
            listener.messages(partition, batch);
          },
        }),
      async commit(partition, nextOffset) {
        const known = handedOver.get(partition) ?? [];
        let done = 0;
        while (done < known.length && (known[done]?.offset ?? 0) < nextOffset) {
          const key = `${partition} ${known[done]?.id}`;
          if (confirmed.get(key) !== sinks) ahead += 1;
          confirmed.delete(key);
          done += 1;
        }
        await source.commit(partition, nextOffset);
        known.splice(0, done);
        committed += done;
      },
    }),
  };
}
