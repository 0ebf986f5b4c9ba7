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

/** What lies below the first open one is forgotten when there is so much of it: one by one would move the others each time. */
const forgottenMin = 1024;

/** Bounded by who calls it: it holds what was begun and is not yet below `nextOffset`. */
export function createWatermark(startOffset: number): Watermark {
  /** Offsets in order; those before `first` are below `nextOffset`. */
  let begun: number[] = [];
  let first = 0;
  const open = new Set<number>();
  let nextUnbegun = startOffset;
  let nextOffset = startOffset;

  return {
    get nextOffset() {
      return nextOffset;
    },
    get held() {
      return begun.length - first;
    },
    begin(offset) {
      if (!Number.isSafeInteger(offset + 1) || offset < nextUnbegun)
        throw new RangeError(`Cannot begin offset ${offset}: the next one is at least ${nextUnbegun}`);
      // A gap before the first open one is done with: the source has nothing there.
      if (open.size === 0) nextOffset = offset;
      begun.push(offset);
      open.add(offset);
      nextUnbegun = offset + 1;
    },
    confirm(offset) {
      if (!open.delete(offset)) throw new RangeError(`Cannot confirm offset ${offset}: it is not open`);
      if (offset !== nextOffset) return;
      let next = begun[first];
      while (next !== undefined && !open.has(next)) next = begun[++first];
      nextOffset = next ?? nextUnbegun;
      if (first < forgottenMin || first * 2 < begun.length) return;
      begun = begun.slice(first);
      first = 0;
    },
  };
}
