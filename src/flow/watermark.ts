/** How far a partition is done: messages are begun in order and confirmed in any, and only what lies below all that is open may be committed. */

export interface Watermark {
  /** Where the next reader must start: the lowest open offset, or behind the last one begun when none is open. */
  readonly nextOffset: number;
  /** Messages begun and not yet below `nextOffset`: what the window bounds. */
  readonly held: number;
  /** Throws when the offset is not above all begun before: the source broke its order. */
  begin(offset: number): void;
  /** Throws when the offset is not open: confirmed twice, or never begun. */
  confirm(offset: number): void;
}

/** Bounded by who calls it: it holds what was begun and is not yet below `nextOffset`. */
export function createWatermark(startOffset: number): Watermark {
  /** Offset → whether it is confirmed. A map keeps the order in which they were begun, which is that of the offsets. */
  const offsets = new Map<number, boolean>();
  let nextUnbegun = startOffset;
  let nextOffset = startOffset;

  return {
    get nextOffset() {
      return nextOffset;
    },
    get held() {
      return offsets.size;
    },
    begin(offset) {
      if (!Number.isSafeInteger(offset + 1) || offset < nextUnbegun)
        throw new RangeError(`Cannot begin offset ${offset}: the next one is at least ${nextUnbegun}`);
      // A gap before the first open one is done with: the source has nothing there.
      if (offsets.size === 0) nextOffset = offset;
      offsets.set(offset, false);
      nextUnbegun = offset + 1;
    },
    confirm(offset) {
      if (offsets.get(offset) !== false) throw new RangeError(`Cannot confirm offset ${offset}: it is not open`);
      offsets.set(offset, true);
      if (offset !== nextOffset) return;
      for (const [first, confirmed] of offsets) {
        nextOffset = first;
        if (!confirmed) return;
        offsets.delete(first);
      }
      nextOffset = nextUnbegun;
    },
  };
}
