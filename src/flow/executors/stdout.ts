/** What a task's process printed on stdout, as the task's output. */
import { parseJson } from "../../model/json.ts";

/** Lines that could be JSON, from the end, until none is: 2 million took 2 s under Bun and 14 under Deno. */
const triesMax = 1_000;

/**
 * `json`: the whole as one JSON value or, when programs talk before they answer, its last line that begins with `{` or `[` and is
 * JSON; null when it is blank. `text`: as it is, broken UTF-8 as U+FFFD. `lines`: the list of its lines, each a JSON value, blank ones left out.
 */
export type OutputKind = "json" | "text" | "lines";

/** Throws when it does not hold what it should. The reason shows nothing of it. */
export function outputOf(kind: OutputKind, stdout: Uint8Array): unknown {
  switch (kind) {
    case "json":
      return jsonOf(utf8(stdout));
    case "text":
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(stdout);
    case "lines":
      return [...linesOf(utf8(stdout))];
    default:
      throw kind satisfies never;
  }
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error("its stdout is not UTF-8");
  }
}

function jsonOf(text: string): unknown {
  if (text.trim() === "") return null;
  const whole = parsed(text);
  if (whole !== undefined) return whole;
  let tries = 0;
  for (let end = text.length; end >= 0 && tries < triesMax; ) {
    const start = end === 0 ? 0 : text.lastIndexOf("\n", end - 1) + 1;
    if (text[start] === "{" || text[start] === "[") {
      const line = parsed(text.slice(start, end));
      if (line !== undefined) return line;
      tries += 1;
    }
    end = start - 1;
  }
  throw new Error("its stdout is not JSON, and has no line that is a JSON object or list");
}

function* linesOf(text: string): Generator<unknown> {
  let number = 0;
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found;
    const line = text.slice(start, end);
    start = end + 1;
    number += 1;
    if (line.trim() === "") continue;
    const value = parsed(line);
    if (value === undefined) throw new Error(`line ${number} of its stdout is not JSON`);
    yield value;
  }
}

/** Undefined: it is not JSON, or nested too deep. */
function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
