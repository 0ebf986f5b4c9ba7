/** Postgres through postgres.js: every wait is bounded, every error is a `SqlError`, a transaction is never left half known. */
import { endsConnection, sqlErrorOf } from "./faults.ts";
import { openListener, openNotifier } from "./postgres-hints.ts";
import { type Pool, type PoolLog, type PoolSettings, Pools } from "./postgres-pool.ts";
import { type Database, type Sql, SqlError, type SqlValue, sqlOf } from "./sql.ts";
import { Turnstile } from "./turnstile.ts";

/** Transactions that may wait for a connection; one more is refused. */
const waitingMax = 1000;

export function openPostgres(settings: PoolSettings, log: PoolLog): Database {
  const pools = new Pools(settings, log);
  // One connection is left to plain statements, which pipeline on it while all others are in transactions.
  const turnstile = new Turnstile(Math.max(1, settings.connectionsMax - 1), waitingMax);
  const { deadlineMs } = settings;

  const sql = sqlOf({
    query: (text, values, withinMs) =>
      withinMs === undefined || withinMs === deadlineMs
        ? run(pools, pools.current, text, values, deadlineMs)
        : sql.begin((tx) => tx.query(text, values, withinMs)),
    script: (text, withinMs) =>
      withinMs === undefined
        ? run(pools, pools.current, text, null, deadlineMs).then(() => undefined)
        : sql.begin((tx) => tx.script(text, withinMs)),
    begin: async (work) => {
      const leave = await turnstile.enter(deadlineMs);
      try {
        return await transact(pools, work, deadlineMs);
      } finally {
        leave();
      }
    },
  });

  const notifier = openNotifier(sql, log);
  const listener = openListener(settings, log);
  return {
    sql,
    kind: "postgres",
    notify: notifier.notify,
    listen: listener.listen,
    async close() {
      await Promise.all([notifier.close(), listener.close()]);
      await pools.close();
    },
  };
}

/** What postgres.js's query has beside its public type. */
interface Pending extends Promise<unknown> {
  /** Set when the query is written to a connection. */
  state: unknown;
  strings: readonly string[];
  cancel(): void;
}

const prepared = { prepare: true, simple: false };
const simple = { prepare: false, simple: true };

/** One statement (or with `values` null, one script) on a pool or on a transaction's connection. */
function run<Row extends object>(
  pools: Pools,
  on: Pick<Pool, "unsafe">,
  text: string,
  values: SqlValue[] | null,
  deadlineMs: number,
  pool: Pool = pools.current,
): Promise<Row[]> {
  // `as`: the members of `Pending` are there, but not in the public type.
  const query = on.unsafe(text, values ?? [], values === null ? simple : prepared) as unknown as Pending;
  query.strings = stringsOf(text);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      if (query.state === null) {
        query.cancel(); // takes it out of the queue: certainly not run
        reject(new SqlError("unavailable", null, `No database connection was free within ${deadlineMs} ms`));
        return;
      }
      pools.retire(pool, `no answer within ${deadlineMs} ms`);
      reject(new SqlError("unknown", null, `The database did not answer within ${deadlineMs} ms`));
    }, deadlineMs);
    query.then(
      (rows) => {
        clearTimeout(timer);
        resolve(rows as Row[]); // the caller states the shape of its rows
      },
      (error: unknown) => {
        clearTimeout(timer);
        const sent = query.state !== null;
        if (endsConnection(error) && (sent || isConnectTimeout(error))) pools.retire(pool, String(error));
        reject(sqlErrorOf(error, sent));
      },
    );
  });
}

const isConnectTimeout = (error: unknown) =>
  error instanceof Error && "code" in error && error.code === "CONNECT_TIMEOUT";

/** postgres.js keeps a trace per `strings` object of each failed query for ever: one object a text bounds that. */
const keptStrings = new Map<string, readonly string[]>();
const keptStringsMax = 1000;

function stringsOf(text: string): readonly string[] {
  let strings = keptStrings.get(text);
  if (strings === undefined) {
    strings = [text];
    if (keptStrings.size < keptStringsMax) keptStrings.set(text, strings);
  }
  return strings;
}

/** Before COMMIT is sent, whatever breaks is certainly rolled back; a COMMIT without an answer is unknown. */
async function transact<T>(pools: Pools, work: (tx: Sql) => Promise<T>, deadlineMs: number): Promise<T> {
  const pool = pools.current;
  let broken: SqlError | null = null;
  let failed: unknown = null;
  let ended = false;
  const rolledBack = (error: SqlError) =>
    new SqlError("retry", error.sqlState, `Rolled back: ${error.message}`, { cause: error });

  const txOf = (inner: Pick<Pool, "unsafe">): Sql => {
    const guarded = async <Row extends object>(
      text: string,
      values: SqlValue[] | null,
      withinMs = deadlineMs,
    ): Promise<Row[]> => {
      if (ended) throw new SqlError("defect", null, "Cannot use a transaction that has ended");
      if (broken !== null) throw broken;
      try {
        if (withinMs === deadlineMs) return await run<Row>(pools, inner, text, values, withinMs, pool);
        const serverMs = Math.ceil(withinMs * 0.9);
        const [, rows] = await Promise.all([
          run(
            pools,
            inner,
            `set local statement_timeout = ${serverMs}; set local lock_timeout = ${serverMs}`,
            null,
            withinMs,
            pool,
          ),
          run<Row>(pools, inner, text, values, withinMs, pool),
        ]);
        await run(
          pools,
          inner,
          "set local statement_timeout to default; set local lock_timeout to default",
          null,
          deadlineMs,
          pool,
        );
        return rows;
      } catch (error) {
        failed ??= error;
        if (
          error instanceof SqlError &&
          error.sqlState !== "57014" &&
          (error.fault === "unknown" || error.fault === "unavailable")
        ) {
          broken = rolledBack(error);
          throw broken;
        }
        throw error;
      }
    };
    return sqlOf({
      query: (text, values, withinMs) => guarded(text, values, withinMs),
      script: async (text, withinMs) => void (await guarded(text, null, withinMs)),
      begin: () => Promise.reject(new SqlError("defect", null, "Cannot begin a transaction within a transaction")),
    });
  };

  return new Promise<T>((resolve, reject) => {
    let phase: "beginning" | "working" | "committing" | "rolling back" = "beginning";
    let result: T;
    let timer = setTimeout(late, deadlineMs);

    function late() {
      ended = true;
      pools.retire(pool, `no answer within ${deadlineMs} ms while ${phase}`);
      if (phase === "rolling back") reject(failed);
      else
        reject(
          new SqlError(
            phase === "committing" ? "unknown" : "unavailable",
            null,
            `The database did not answer within ${deadlineMs} ms while ${phase}`,
          ),
        );
    }
    function turn(next: "committing" | "rolling back") {
      phase = next;
      ended = true;
      timer = setTimeout(late, deadlineMs);
    }

    pool
      .begin(
        (inner) =>
          // It stays open when the connection is gone: postgres.js would send its ROLLBACK into a closed socket.
          new Promise<void>((commit, rollBack) => {
            clearTimeout(timer);
            if (ended) return rollBack(new Error("begun too late"));
            phase = "working";
            work(txOf(inner)).then(
              (value) => {
                if (broken !== null) return stop(broken);
                result = value;
                if (failed !== null) {
                  turn("rolling back");
                  return rollBack(failed);
                }
                turn("committing");
                commit();
              },
              (error: unknown) => {
                if (broken !== null) return stop(error);
                failed = error;
                turn("rolling back");
                rollBack(error);
              },
            );
          }),
      )
      .then(
        () => {
          clearTimeout(timer);
          resolve(result);
        },
        (error: unknown) => {
          clearTimeout(timer);
          if (endsConnection(error)) pools.retire(pool, String(error));
          if (phase === "working") broken ??= rolledBack(sqlErrorOf(error, true));
          else if (phase === "rolling back") reject(failed);
          else reject(phase === "committing" ? sqlErrorOf(error, true) : sqlErrorOf(error, false));
        },
      );

    function stop(error: unknown) {
      ended = true;
      reject(error);
    }
  });
}
