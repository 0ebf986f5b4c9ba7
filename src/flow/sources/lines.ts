/** Splits the bytes of a file that is read in parts into lines, each with the place where it begins. */

export interface Line {
  readonly start: number;
  /** Without its line break. */
  readonly bytes: Uint8Array;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Tells of each whole line where it lies, without its line break. Empty ones are left out. Returns where the last one ends, its line break included. */
function walk(bytes: Uint8Array, found: (from: number, end: number) => void): number {
  let from = 0;
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, from)) {
    const end = at > from && bytes[at - 1] === carriageReturn ? at - 1 : at;
    if (end > from) found(from, end);
    from = at + 1;
  }
  return from;
}

/**
 * The whole lines at the beginning of `bytes`, which lies at `start` in its file. Empty ones are left out. `next`: where to read on. A line longer
 * than `bytes` is none: `lines` is empty and `next` is `start`.
 */
export function linesOf(bytes: Uint8Array, start: number): { readonly lines: readonly Line[]; readonly next: number } {
  const lines: Line[] = [];
  const next = walk(bytes, (from, end) => lines.push({ start: start + from, bytes: bytes.slice(from, end) }));
  return { lines, next: start + next };
}

/** How many lines `linesOf` would find. */
export function countLines(bytes: Uint8Array): number {
  let count = 0;
  walk(bytes, () => {
    count += 1;
  });
  return count;
}
