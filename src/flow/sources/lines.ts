/** Splits the bytes of a file that is read in parts into lines, each with the place where it begins. */

export interface Line {
  readonly start: number;
  /** Without its line break. */
  readonly bytes: Uint8Array;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/**
 * The whole lines at the beginning of `bytes`, which lies at `start` in its file. Empty ones are left out. `next`: where to read on. A line longer
 * than `bytes` is none: `lines` is empty and `next` is `start`.
 */
export function linesOf(bytes: Uint8Array, start: number): { readonly lines: readonly Line[]; readonly next: number } {
  const lines: Line[] = [];
  let from = 0;
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, from)) {
    const end = at > from && bytes[at - 1] === carriageReturn ? at - 1 : at;
    if (end > from) lines.push({ start: start + from, bytes: bytes.slice(from, end) });
    from = at + 1;
  }
  return { lines, next: start + from };
}

/** How many lines `linesOf` would find. */
export function countLines(bytes: Uint8Array): number {
  let count = 0;
  let from = 0;
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, from)) {
    const end = at > from && bytes[at - 1] === carriageReturn ? at - 1 : at;
    if (end > from) count += 1;
    from = at + 1;
  }
  return count;
}
