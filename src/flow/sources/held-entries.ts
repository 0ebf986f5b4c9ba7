/** The entries of a stream that this reader has been given and has not acknowledged, each under its offset. Bounded by who reads: it stops while too many are held. */

export interface HeldEntries {
  /** The entry's offset: 1, 2, … in the order in which they came. Null: it is held already. */
  take(id: string): number | null;
  /** Those that lie below the offset. */
  below(nextOffset: number): readonly string[];
  drop(ids: readonly string[]): void;
  readonly ids: readonly string[];
}

export function createHeldEntries(): HeldEntries {
  /** A map keeps the order in which they came, which is that of the offsets. */
  const offsets = new Map<string, number>();
  let nextOffset = 1;

  return {
    take(id) {
      if (offsets.has(id)) return null;
      offsets.set(id, nextOffset);
      return nextOffset++;
    },
    below(end) {
      const ids: string[] = [];
      for (const [id, offset] of offsets) {
        if (offset >= end) break;
        ids.push(id);
      }
      return ids;
    },
    drop(ids) {
      for (const id of ids) offsets.delete(id);
    },
    get ids() {
      return [...offsets.keys()];
    },
  };
}
