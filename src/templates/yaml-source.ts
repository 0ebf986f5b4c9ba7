/** A YAML file as a value whose every part knows its line and column, with bounds on what an author can make it grow to. */
import { isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import { SetupError } from "../model/errors.ts";

/** Aliases resolved, nested ones multiplied: a "billion laughs" ends here. */
const aliasesMax = 100;

export type Keys = readonly (string | number)[];

export class YamlSource {
  /** What it says, as plain values. */
  readonly value: unknown;
  readonly #path: string;
  readonly #lines = new LineCounter();
  readonly #document: ReturnType<typeof parseDocument>;

  /** `path` is what messages say. Throws `SetupError` when `text` is no YAML. */
  constructor(text: string, path: string) {
    this.#path = path;
    try {
      this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    } catch (error) {
      throw new SetupError(`${path}: not YAML: ${messageOf(error)}`); // nested too deeply for the parser
    }
    const [flaw] = this.#document.errors;
    if (flaw) throw this.#errorAt(flaw.pos[0], `not YAML: ${flaw.message}`);
    try {
      this.value = this.#document.toJS({ maxAliasCount: aliasesMax });
    } catch (error) {
      throw new SetupError(`${path}: ${messageOf(error)}`);
    }
  }

  /** An error that begins with file, line and column of what stands at `keys`: an entry's key, or its nearest parent's. */
  error(keys: Keys, message: string): SetupError {
    return this.#errorAt(this.#offsetOf(keys), message);
  }

  #errorAt(offset: number, message: string): SetupError {
    const { line, col } = this.#lines.linePos(offset);
    return new SetupError(`${this.#path}:${line}:${col}: ${message}`);
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
