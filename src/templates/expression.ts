/**
 * The expressions of conditions: `params.limit > 3 and parents.count.rows != 0`. Over parameters and parents' passbacks only:
 * no calls but `len` and `exists`, no assignment, no access to anything else. A missing value is null.
 *
 *     or → and → not → comparison (== != < <= > >= in) → value: literal, [list], path, len(…), exists(…), (…)
 */
import { type Token, tokensOf } from "./expression-tokens.ts";
import { valueAt } from "./placeholders.ts";

export interface Expression {
  /** The parents that it asks for, and the parameters: the first name after the scope. */
  readonly names: readonly { readonly scope: "params" | "parents"; readonly name: string }[];
  /** True unless the value is false, null, 0, an empty text or list. */
  isTrue(scopes: Values): boolean;
}

export interface Values {
  readonly params: Readonly<Record<string, unknown>>;
  /** By task id: the passback. */
  readonly parents: Readonly<Record<string, unknown>>;
}

type Evaluate = (values: Values) => unknown;

const lengthMax = 4096;
const depthMax = 50;

/** Throws an `Error` that says what is wrong, and at which character. */
export function parseExpression(given: string): Expression {
  // `{{ … }}` around the whole is a habit of other systems.
  const text = /^\s*\{\{([^{}]*)\}\}\s*$/.exec(given)?.[1] ?? given;
  if (text.length > lengthMax) throw new Error(`it has ${text.length} characters: at most ${lengthMax} are taken`);
  const parser = new Parser(tokensOf(text));
  const evaluate = parser.whole();
  return { names: parser.names, isTrue: (values) => isTruthy(evaluate(values)) };
}

class Parser {
  readonly names: { scope: "params" | "parents"; name: string }[] = [];
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Evaluate {
    const evaluate = this.#or();
    const extra = this.#tokens[this.#at];
    if (extra !== undefined) throw unexpected(extra);
    return evaluate;
  }

  #or(): Evaluate {
    this.#depth += 1;
    if (this.#depth > depthMax) throw new Error(`it is nested deeper than ${depthMax} levels`);
    let left = this.#and();
    while (this.#takes("or")) {
      const [one, other] = [left, this.#and()];
      left = (values) => isTruthy(one(values)) || isTruthy(other(values));
    }
    this.#depth -= 1;
    return left;
  }

  #and(): Evaluate {
    let left = this.#not();
    while (this.#takes("and")) {
      const [one, other] = [left, this.#not()];
      left = (values) => isTruthy(one(values)) && isTruthy(other(values));
    }
    return left;
  }

  #not(): Evaluate {
    let isNegated = false;
    while (this.#takes("not")) isNegated = !isNegated;
    const value = this.#comparison();
    return isNegated ? (values) => !isTruthy(value(values)) : value;
  }

  #comparison(): Evaluate {
    const left = this.#value();
    for (const sign of ["==", "!=", "<=", ">=", "<", ">", "in"] as const) {
      if (!this.#takes(sign)) continue;
      const right = this.#value();
      return (values) => compared(sign, left(values), right(values));
    }
    return left;
  }

  #value(): Evaluate {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new Error("it ends where a value is needed");
    this.#at += 1;
    if (token.kind === "literal") return () => token.value;
    if (token.kind === "name") return this.#named(token);
    if (token.text === "(") {
      const inner = this.#or();
      this.#insist(")");
      return inner;
    }
    if (token.text === "[") return this.#list();
    throw unexpected(token);
  }

  #list(): Evaluate {
    const items: Evaluate[] = [];
    while (!this.#takes("]")) {
      if (items.length > 0) this.#insist(",");
      items.push(this.#or());
    }
    return (values) => items.map((item) => item(values));
  }

  #named(token: Token): Evaluate {
    if (token.text === "len" || token.text === "exists") {
      this.#insist("(");
      const inner = this.#or();
      this.#insist(")");
      return token.text === "len" ? (values) => lengthOf(inner(values)) : (values) => (inner(values) ?? null) !== null;
    }
    if (token.text !== "params" && token.text !== "parents")
      throw new Error(`"${token.text}" at character ${token.at} is unknown: params.x and parents.task.x are there`);
    const scope = token.text;
    const path = this.#path();
    const [name] = path;
    if (name === undefined) throw new Error(`"${scope}" at character ${token.at} needs a name: ${scope}.x`);
    this.names.push({ scope, name });
    return (values) => valueAt(values[scope], path) ?? null;
  }

  #path(): string[] {
    const path: string[] = [];
    for (;;) {
      if (this.#takes(".")) {
        const token = this.#tokens[this.#at];
        if (token === undefined || token.kind === "sign") throw new Error("a name is needed after a dot");
        path.push(token.text);
        this.#at += 1;
      } else if (this.#takes("[")) {
        const token = this.#tokens[this.#at];
        if (token?.kind !== "literal") throw new Error('a text or a number is needed in brackets: x["a"]');
        path.push(String(token.value));
        this.#at += 1;
        this.#insist("]");
      } else return path;
    }
  }

  #takes(text: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "sign" || token.text !== text) return false;
    this.#at += 1;
    return true;
  }

  #insist(text: string): void {
    if (this.#takes(text)) return;
    const token = this.#tokens[this.#at];
    throw token === undefined ? new Error(`it ends where "${text}" is needed`) : unexpected(token);
  }
}

const unexpected = (token: Token): Error => new Error(`"${token.text}" at character ${token.at} is not expected there`);

function isTruthy(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== false && value !== null && value !== undefined && value !== 0 && value !== "";
}

function lengthOf(value: unknown): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  return typeof value === "object" && value !== null ? Object.keys(value).length : 0;
}

type Sign = "==" | "!=" | "<=" | ">=" | "<" | ">" | "in";

function compared(sign: Sign, left: unknown, right: unknown): boolean {
  switch (sign) {
    case "==":
      return isSame(left, right);
    case "!=":
      return !isSame(left, right);
    case "in":
      if (typeof right === "string") return typeof left === "string" && right.includes(left);
      return Array.isArray(right) && right.some((item) => isSame(left, item));
    default: {
      const [a, b] = [orderable(left), orderable(right)];
      // Unlike kinds have no order: neither is less.
      if (typeof a !== typeof b || a === null || b === null) return false;
      if (sign === "<") return a < b;
      if (sign === "<=") return a <= b;
      return sign === ">" ? a > b : a >= b;
    }
  }
}

/** A number that keeps its digits compares as the double next to it. */
function orderable(value: unknown): number | string | null {
  if (typeof value === "number" || typeof value === "string") return value;
  return typeof value === "object" && value !== null && "rawJSON" in value ? Number(value.rawJSON) : null;
}

const isSame = (left: unknown, right: unknown): boolean =>
  left === right || JSON.stringify(left ?? null) === JSON.stringify(right ?? null);
