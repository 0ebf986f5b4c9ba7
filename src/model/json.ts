/**
 * Client JSON without loss. A number that JavaScript cannot hold (64-bit integers, 1e400, 0.10000000000000000001) keeps its
 * source text, and comes out of `JSON.stringify` as it came in. Nesting is bounded, as writing it back recurses.
 */

/** A client's JSON value as text, checked once: it is stored and spliced as it stands. */
export type JsonText = string;

const depthMax = 256;

/**
 * Numbers that a double may not hold: 16 digits or an exponent of three. Only then is the slower, lossless way taken. A number
 * follows one of these characters; without them, every fourth uuid would look like one (`3e123…`), and cost a plan five times as much.
 */
const mayLoseDigits = /(?:^|[\s[,:])-?(?:[\d.]{16}|[\d.]+[eE][+-]?\d{3})/;

/** Throws `SyntaxError` when `text` is not JSON or is nested deeper than 256 levels. */
export function parseJson(text: string): unknown {
  if (nestingOf(text) > depthMax) throw new SyntaxError(`JSON is nested deeper than ${depthMax} levels`);
  return mayLoseDigits.test(text) ? JSON.parse(text, keepNumberSource as Reviver) : JSON.parse(text);
}

/** The JSON text of a parsed value; `null` for an absent one, which the contract treats alike. */
export function jsonTextOf(value: unknown): JsonText | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}

type Reviver = (this: unknown, key: string, value: unknown) => unknown;

function keepNumberSource(_key: string, value: unknown, context: { source?: string }): unknown {
  if (typeof value !== "number" || context.source === undefined || String(value) === context.source) return value;
  return rawJson(context.source);
}

/** `JSON.rawJSON` (ES2026): in Bun 1.4 and Deno 2.9, not yet in TypeScript's library. */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(source: string): unknown };

function nestingOf(text: string): number {
  if (text.length < depthMax) return 0;
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) {
      i = endOfString(text, i);
    } else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (code === 0x5d || code === 0x7d) {
      depth -= 1;
    }
  }
  return deepest;
}

function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5c) i += 1;
    else if (code === 0x22) return i;
  }
  return text.length;
}
