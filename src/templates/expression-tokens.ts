/** Cuts an expression into its signs, names and literals. */

export interface Token {
  readonly kind: "sign" | "name" | "literal";
  readonly text: string;
  readonly value?: unknown;
  /** Counts characters from 1. */
  readonly at: number;
}

const shapes = [
  /(?<space>\s+)/y,
  /(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/y,
  /(?<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/y,
  /(?<name>[A-Za-z_][\w-]*)/y,
  /(?<sign>==|!=|<=|>=|&&|\|\||[<>!().,[\]])/y,
] as const;

const words: Readonly<Record<string, Pick<Token, "kind" | "value"> & { readonly text?: string }>> = {
  and: { kind: "sign" },
  or: { kind: "sign" },
  not: { kind: "sign" },
  in: { kind: "sign" },
  true: { kind: "literal", value: true },
  false: { kind: "literal", value: false },
  null: { kind: "literal", value: null },
  True: { kind: "literal", value: true },
  False: { kind: "literal", value: false },
  None: { kind: "literal", value: null },
};
const otherSigns: Readonly<Record<string, string>> = { "&&": "and", "||": "or", "!": "not" };

/** Throws an `Error` naming the character that begins nothing. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (let i = 0; i < text.length; ) {
    const found = matchAt(text, i);
    if (found === null) throw new Error(`"${text.slice(i, i + 10)}" at character ${i + 1} is not understood`);
    const { kind, text: part } = found;
    const at = i + 1;
    i += part.length;
    if (kind === "space") continue;
    if (kind === "number") tokens.push({ kind: "literal", text: part, value: Number(part), at });
    else if (kind === "text") tokens.push({ kind: "literal", text: part, value: unquoted(part), at });
    else if (kind === "sign") tokens.push({ kind: "sign", text: otherSigns[part] ?? part, at });
    else tokens.push(nameOf(part, at, tokens.at(-1)?.text === "."));
  }
  return tokens;
}

/** After a dot every word is a name: `params.in`. */
function nameOf(part: string, at: number, isMember: boolean): Token {
  const word = !isMember && Object.hasOwn(words, part) ? words[part] : undefined;
  return word === undefined ? { kind: "name", text: part, at } : { ...word, text: part, at };
}

function matchAt(text: string, index: number): { kind: string; text: string } | null {
  for (const shape of shapes) {
    shape.lastIndex = index;
    const groups = shape.exec(text)?.groups ?? {};
    for (const [kind, part] of Object.entries(groups)) if (part !== undefined) return { kind, text: part };
  }
  return null;
}

function unquoted(part: string): string {
  const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };
  return part.slice(1, -1).replace(/\\(.)/g, (_, after: string) => escapes[after] ?? after);
}
