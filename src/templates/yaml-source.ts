/** YAML or JSON as a value whose every part knows its line and column, with bounds on what an author can make it grow to. */
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { TemplateFaultError } from "../model/template-errors.ts";

export const sourceBytesMax = 1024 * 1024;
/** Aliases resolved, nested ones multiplied: a "billion laughs" ends here. */
const aliasesMax = 100;
const depthMax = 64;
const valuesMax = 200_000;

export type Keys = readonly (string | number)[];

export class YamlSource {
  /** What it says, as plain values. */
  readonly value: unknown;
  readonly #path: string;
  readonly #lines = new LineCounter();
  readonly #document: ReturnType<typeof parseDocument>;

  /** `path` is what messages say. Throws `TemplateFaultError` when `text` is no YAML. */
  constructor(text: string, path: string) {
    this.#path = path;
    const sizeBytes = Buffer.byteLength(text);
    if (sizeBytes > sourceBytesMax)
      throw this.#errorAt(0, `it has ${sizeBytes} bytes: a template has at most ${sourceBytesMax}`);
    const bad = text.includes("\u0000") ? text.indexOf("\u0000") : text.search(/\p{Surrogate}/u);
    if (bad >= 0) throw this.#placeIn(text, bad);
    const tooDeep = placeOfDepth(text);
    if (tooDeep !== null) throw this.#placeIn(text, tooDeep, `not YAML: nested deeper than ${depthMax} levels`);
    try {
      this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: true });
    } catch (error) {
      throw this.#errorAt(0, `not YAML: ${messageOf(error)}`);
    }
    const [flaw] = this.#document.errors;
    if (flaw) throw this.#errorAt(flaw.pos[0], `not YAML: ${flaw.message}`);
    this.#bound();
    try {
      this.value = this.#document.toJS({ maxAliasCount: aliasesMax });
    } catch (error) {
      throw this.#errorAt(this.#firstAlias(), `not YAML: ${messageOf(error)}`);
    }
  }

  /** An error that begins with file, line and column of what stands at `keys`: an entry's key, or its nearest parent's. */
  error(keys: Keys, message: string): TemplateFaultError {
    return this.#errorAt(this.#offsetOf(keys), message);
  }

  #errorAt(offset: number, message: string): TemplateFaultError {
    const { line, col } = this.#lines.linePos(offset);
    return new TemplateFaultError(this.#path, { line: Math.max(line, 1), column: Math.max(col, 1) }, message);
  }

  /** The same before anything was parsed. */
  #placeIn(
    text: string,
    offset: number,
    message = "not YAML: it holds a NUL or half of a surrogate pair",
  ): TemplateFaultError {
    const before = text.slice(0, offset).split("\n");
    const at = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
    return new TemplateFaultError(this.#path, at, message);
  }

  /** By a list of what is left to visit: a recursion would end with the stack. */
  #bound(): void {
    const left: { node: unknown; depth: number }[] = [{ node: this.#document.contents, depth: 0 }];
    for (let count = 0; left.length > 0; count++) {
      const { node, depth } = left.pop() ?? { node: null, depth: 0 };
      const offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
      if (depth > depthMax) throw this.#errorAt(offset, `not YAML: nested deeper than ${depthMax} levels`);
      if (count > valuesMax) throw this.#errorAt(offset, `not YAML: more than ${valuesMax} values`);
      if (isMap(node)) for (const { value } of node.items) left.push({ node: value, depth: depth + 1 });
      else if (isSeq(node)) for (const item of node.items) left.push({ node: item, depth: depth + 1 });
    }
  }

  #firstAlias(): number {
    const left: unknown[] = [this.#document.contents];
    while (left.length > 0) {
      const node = left.shift();
      if (isAlias(node)) return node.range?.[0] ?? 0;
      if (isMap(node)) left.push(...node.items.map(({ value }) => value));
      else if (isSeq(node)) left.push(...node.items);
    }
    return 0;
  }

  #offsetOf(keys: Keys): number {
    for (let depth = keys.length; depth > 0; depth--) {
      const parent = depth === 1 ? this.#document.contents : this.#document.getIn(keys.slice(0, depth - 1), true);
      const last = keys[depth - 1];
      const pair = isMap(parent)
        ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(last))
        : null;
      if (pair && isScalar(pair.key)) return pair.key.range?.[0] ?? 0;
      const node = this.#document.getIn(keys.slice(0, depth), true);
      if (isNode(node)) return node.range?.[0] ?? 0;
    }
    return this.#document.contents?.range?.[0] ?? 0;
  }
}

/** Where brackets are opened more deeply than any template needs: the parser would recurse so far. */
function placeOfDepth(text: string): number | null {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5b || code === 0x7b) depth += 1;
    else if (code === 0x5d || code === 0x7d) depth = Math.max(0, depth - 1);
    // Brackets in texts and comments count too, so the bound is a generous one; lines end what they left open by chance.
    if (depth > 1000) return i;
  }
  return null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
