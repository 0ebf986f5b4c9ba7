/**
 * One transaction on a connection of its own. Before COMMIT is sent, whatever breaks is certainly rolled back (fault `retry`);
 * a COMMIT that got no answer is `unknown`. beginning → working → committing | rolling back.
 */
import { endsConnection, sqlErrorOf } from "./faults.ts";
import type { Pool, Pools } from "./postgres-pool.ts";
import type { Connection, Statements } from "./postgres-statement.ts";
import { type Sql, SqlError, type SqlValue, sqlOf } from "./sql.ts";

export class Transaction<T> {
  readonly #pools: Pools;
  readonly #pool: Pool;
  readonly #statements: Statements;
  readonly #deadlineMs: number;
  #phase: "beginning" | "working" | "committing" | "rolling back" | "ended" = "beginning";
  /** The connection is lost, and so is all that was done. */
  #broken: SqlError | null = null;
  /** The first statement that failed: Postgres takes no other after it, so the whole fails. */
  #failed: unknown = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(pools: Pools, statements: Statements, deadlineMs: number) {
    this.#pools = pools;
    this.#pool = pools.current;
    this.#statements = statements;
    this.#deadlineMs = deadlineMs;
  }

  run(work: (tx: Sql) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T;
      const end = (settle: () => void) => {
        if (this.#phase === "ended") return;
        clearTimeout(this.#timer);
        this.#phase = "ended";
        this.#pool.ended();
        settle();
      };
      const enter = (phase: "beginning" | "committing" | "rolling back") => {
        this.#phase = phase;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => {
          const why = `no answer within ${this.#deadlineMs} ms while ${phase} a transaction`;
          this.#pools.retire(this.#pool, why);
          end(() => reject(this.#outcome(phase, new SqlError("unknown", null, `The database gave ${why}`))));
        }, this.#deadlineMs);
      };

      const onConnection = (connection: Connection) =>
        // Left open when the connection is lost: postgres.js would write its ROLLBACK into a closed socket.
        new Promise<void>((commit, rollBack) => {
          if (this.#phase === "ended") return rollBack(new Error("The transaction began too late"));
          clearTimeout(this.#timer);
          this.#phase = "working";
          const working = async () => work(this.#sql(connection));
          working().then(
            (value) => {
              result = value;
              if (this.#broken !== null) return end(() => reject(this.#broken));
              if (this.#failed === null) {
                enter("committing");
                return commit();
              }
              enter("rolling back");
              rollBack(this.#failed);
            },
            (error: unknown) => {
              if (this.#broken !== null) return end(() => reject(error));
              this.#failed = error;
              enter("rolling back");
              rollBack(error);
            },
          );
        });

      this.#pool.began();
      enter("beginning");
      this.#pool.connections.begin(onConnection).then(
        () => end(() => resolve(result)),
        (error: unknown) => {
          if (endsConnection(error)) this.#pools.retire(this.#pool, String(error));
          const phase = this.#phase;
          if (phase === "working") this.#break(error);
          else if (phase !== "ended") end(() => reject(this.#outcome(phase, error)));
        },
      );
    });
  }

  #outcome(phase: "beginning" | "committing" | "rolling back", error: unknown): unknown {
    switch (phase) {
      case "beginning":
        return new SqlError("unavailable", null, sqlErrorOf(error, false).message, { cause: error });
      case "committing":
        return sqlErrorOf(error, true);
      case "rolling back":
        return this.#failed;
      default:
        return phase satisfies never;
    }
  }

  #break(error: unknown): SqlError {
    const { sqlState, message } = sqlErrorOf(error, true);
    this.#broken ??= new SqlError("retry", sqlState, `Rolled back: ${message}`, { cause: error });
    return this.#broken;
  }

  #sql(connection: Connection): Sql {
    return sqlOf({
      query: (text, values, withinMs) => this.#statement(connection, text, values, withinMs),
      script: async (text, withinMs) => void (await this.#statement(connection, text, null, withinMs)),
      begin: () => Promise.reject(new SqlError("defect", null, "Cannot begin a transaction within a transaction")),
    });
  }

  async #statement<Row extends object>(
    connection: Connection,
    text: string,
    values: SqlValue[] | null,
    withinMs = this.#deadlineMs,
  ): Promise<Row[]> {
    if (this.#broken !== null) throw this.#broken;
    if (this.#phase !== "working") throw new SqlError("defect", null, "Cannot use a transaction that has ended");
    const run = (text: string, values: SqlValue[] | null, deadlineMs: number) =>
      this.#statements.run<Row>({ text, values, deadlineMs }, this.#pool, connection);
    try {
      if (withinMs === this.#deadlineMs) return await run(text, values, withinMs);
      const serverMs = Math.ceil(withinMs * 0.9);
      const settings = `set local statement_timeout = ${serverMs}; set local lock_timeout = ${serverMs}`;
      const [, rows] = await Promise.all([run(settings, null, withinMs), run(text, values, withinMs)]);
      await run("set local statement_timeout to default; set local lock_timeout to default", null, this.#deadlineMs);
      return rows;
    } catch (error) {
      this.#failed ??= error;
      if (error instanceof SqlError && lost.has(error.fault) && error.sqlState !== "57014") throw this.#break(error);
      throw error;
    }
  }
}

const lost: ReadonlySet<string> = new Set(["unknown", "unavailable"] satisfies SqlError["fault"][]);
