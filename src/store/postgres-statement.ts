/** One statement through postgres.js, with a bounded wait; what goes wrong becomes a `SqlError`, a connection that broke goes. */
import { endsConnection, sqlErrorOf } from "./faults.ts";
import type { Pool, Pools } from "./postgres-pool.ts";
import { SqlError, type SqlValue } from "./sql.ts";

/** A transaction's connection, or all of a pool. */
export type Connection = Pick<Pool["connections"], "unsafe">;

export interface Statement {
  readonly text: string;
  /** Null: a script of several statements. */
  readonly values: SqlValue[] | null;
  readonly deadlineMs: number;
  /** Ends the wait, and the work at the server if it can be told. */
  readonly signal?: AbortSignal;
}

/** What postgres.js's query has beside its public type. */
interface Pending extends PromiseLike<unknown[]> {
  /** Set when the query is written to a connection. */
  readonly state: unknown;
  strings: readonly string[];
  cancel(): void;
  /** What `cancel` calls, which drops its promise: a server that cannot be reached would be an unhandled rejection. */
  canceller: ((query: Pending) => Promise<void>) | null;
}

const prepared = { prepare: true, simple: false };
const simple = { prepare: false, simple: true };

/** Texts that are kept; the rest of an unlikely number of texts is not. */
const keptTextsMax = 1000;

export class Statements {
  readonly #pools: Pools;
  readonly #texts = new Map<string, readonly string[]>();

  constructor(pools: Pools) {
    this.#pools = pools;
  }

  /** `on`: the pool itself, or the connection of a transaction in that pool. */
  run<Row extends object>({ text, values, deadlineMs, signal }: Statement, pool: Pool, on: Connection): Promise<Row[]> {
    // The members of `Pending` are there, but not in the public type.
    const query = on.unsafe(text, values ?? [], values === null ? simple : prepared) as unknown as Pending;
    query.strings = this.#stringsOf(text);
    pool.began();
    return new Promise((resolve, reject) => {
      let over = false;
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", giveUp);
        if (!over) pool.ended();
        over = true;
      };
      const timer = setTimeout(() => {
        end();
        const sent = query.state !== null;
        if (!sent) query.cancel(); // out of the queue: certainly not run
        this.#pools.retire(pool, `no answer within ${deadlineMs} ms`);
        reject(
          sent
            ? new SqlError("unknown", null, `The database did not answer within ${deadlineMs} ms`)
            : new SqlError("unavailable", null, `No database connection was to be had within ${deadlineMs} ms`),
        );
      }, deadlineMs);
      const giveUp = () => {
        query.canceller?.(query).catch(() => undefined);
        end();
        this.#pools.retire(pool, "a statement was given up");
        reject(new SqlError("unknown", null, "The statement was given up", { cause: signal?.reason }));
      };
      query.then(
        (rows) => {
          end();
          resolve(rows.slice() as Row[]); // a plain array; the caller states the shape of its rows
        },
        (error: unknown) => {
          end();
          const sent = query.state !== null;
          if (endsConnection(error) && (sent || isConnectTimeout(error))) this.#pools.retire(pool, String(error));
          reject(sqlErrorOf(error, sent));
        },
      );
      if (signal?.aborted) giveUp();
      else signal?.addEventListener("abort", giveUp, { once: true });
    });
  }

  /** postgres.js keeps a trace per `strings` object of each failed query for ever: one object a text bounds that. */
  #stringsOf(text: string): readonly string[] {
    let strings = this.#texts.get(text);
    if (strings === undefined) {
      strings = [text];
      if (this.#texts.size < keptTextsMax) this.#texts.set(text, strings);
    }
    return strings;
  }
}

const isConnectTimeout = (error: unknown) =>
  error instanceof Error && "code" in error && error.code === "CONNECT_TIMEOUT";
