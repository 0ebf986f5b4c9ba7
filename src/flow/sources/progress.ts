/** How far a reader of ours is with a partition: what it has looked at, handed over, and committed. What it left out is passed over by the commits. */

export interface Progress {
  /** Looked at all below it; what of that is a message was handed over. */
  readonly next: number;
  /** Every message that was handed over is committed. */
  readonly isSettled: boolean;
  /** Settled, and what was left out since the last commit is not committed yet. */
  readonly isBehind: boolean;
  handedOver(offset: number): void;
  lookedAt(next: number): void;
  /** Where the next reader may begin when all messages below `nextOffset` are done with. */
  pointOf(nextOffset: number): number;
  committed(point: number): void;
}

export function createProgress(start: number): Progress {
  let next = start;
  let lastHanded = start - 1;
  let committed = start;
  const isSettled = (): boolean => committed > lastHanded;
  return {
    get next() {
      return next;
    },
    get isSettled() {
      return isSettled();
    },
    get isBehind() {
      return isSettled() && committed < next;
    },
    handedOver(offset) {
      lastHanded = offset;
      next = Math.max(next, offset + 1);
    },
    lookedAt(place) {
      next = Math.max(next, place);
    },
    pointOf: (nextOffset) => (nextOffset > lastHanded ? next : nextOffset),
    committed(point) {
      committed = Math.max(committed, point);
    },
  };
}
