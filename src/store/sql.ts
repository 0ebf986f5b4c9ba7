/** The one way to speak SQL: a tagged template whose values become parameters. Both drivers implement it. */

export type SqlValue = string | number | boolean | null;

export interface Sql {
  /** Runs one statement; every `${value}` is a parameter. Rows come back as plain objects, int8 as numbers, dates as text. */
  <Row extends object>(strings: TemplateStringsArray, ...values: SqlValue[]): Promise<Row[]>;
  /** Runs a prepared text whose parameters are $1, $2, …: for statements that are put together once and kept. */
  query<Row extends object>(text: string, values: SqlValue[], deadlineMs?: number): Promise<Row[]>;
  /** One transaction. Await nothing but `tx` inside: an embedded store has a single connection. */
  begin<T>(work: (tx: Sql) => Promise<T>): Promise<T>;
  /** Several statements without parameters, such as a migration file. */
  script(text: string, deadlineMs?: number): Promise<void>;
}

/** A store that was opened: its Sql, and what else a process may do with it. */
export interface Database {
  readonly sql: Sql;
  /** `embedded`: this process is the only one, by a lock file. */
  readonly kind: "embedded" | "postgres";
  /** Sends a hint to all nodes, this one too, after the fact. Never needed for correctness. */
  notify(channel: string, payload: string): void;
  /** Calls `hear` for each hint, and with null after a reconnect: look at everything again. */
  listen(channel: string, hear: (payload: string | null) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** An array as Postgres reads it from text: write it as `${array(ids)}::text::uuid[]`. */
export function array(values: readonly SqlValue[]): string {
  let text = "{";
  for (let i = 0; i < values.length; i++) {
    if (i > 0) text += ",";
    const value = values[i];
    if (value === null || value === undefined) text += "null";
    else if (typeof value !== "string" || isPlain.test(value)) text += value;
    else text += `"${needsEscape.test(value) ? value.replace(escaped, "\\$&") : value}"`;
  }
  return `${text}}`;
}

/** Uuids and timestamps: they need no quotes, and the word null is none of them. */
const isPlain = /^[0-9a-fT:.+-]+$/;
const needsEscape = /["\\]/;
const escaped = /["\\]/g;

/**
 * Settings of every session. A plan is made once and kept, perhaps while a table is still empty; then a scan of all looks
 * cheapest, and costs more with every row. Every hot query asks by key. (Measured: after 60 s of the plan loop on a new
 * database 0.25 ms of Postgres a request without this, 0.11 ms with it.) What cannot but scan a table of one row then looks dear
 enough to be compiled first, which takes 0.8 s: never.
 */
export const keyedPlans = {
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  jit: "off",
} as const;

const texts = new WeakMap<TemplateStringsArray, string>();

/** The statement of a template, with $1, $2, … for its values; kept per call site. */
export function statementOf(strings: TemplateStringsArray): string {
  let text = texts.get(strings);
  if (text === undefined) {
    text = strings.reduce((before, part, i) => `${before}$${i}${part}`);
    texts.set(strings, text);
  }
  return text;
}

/** A callable `Sql` of its three methods: what both drivers are made with. */
export function sqlOf(methods: Pick<Sql, "query" | "script" | "begin">): Sql {
  const tagged = <Row extends object>(strings: TemplateStringsArray, ...values: SqlValue[]) =>
    methods.query<Row>(statementOf(strings), values);
  return Object.assign(tagged, methods);
}

/** What a driver's error means to the rest of us. */
export type SqlFault =
  /** SQLSTATE 22/23: the data itself is refused; others in the batch are fine. */
  | "data"
  /** 40001, 40P01, 55P03: certainly rolled back, try again. */
  | "retry"
  /** The statement's outcome is not known: the connection broke or the deadline passed. */
  | "unknown"
  /** Certainly not run: no connection could be had. */
  | "unavailable"
  /** A defect of ours: syntax, a missing column. */
  | "defect";

/** SQLSTATE of a row whose key is taken. */
export const uniqueViolation = "23505";

/** Thrown by both drivers; `sqlState` is null when the server said nothing. */
export class SqlError extends Error {
  override readonly name = "SqlError";
  readonly fault: SqlFault;
  readonly sqlState: string | null;
  constructor(fault: SqlFault, sqlState: string | null, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
    this.sqlState = sqlState;
  }
}
