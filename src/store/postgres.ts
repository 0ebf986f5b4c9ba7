/** Postgres through postgres.js: every wait is bounded, every error is a `SqlError`, a transaction is never left half known. */
import { openListener, openNotifier } from "./postgres-hints.ts";
import { type PoolLog, type PoolSettings, Pools } from "./postgres-pool.ts";
import { Statements } from "./postgres-statement.ts";
import { Transaction } from "./postgres-transaction.ts";
import { type Database, type Sql, type SqlValue, sqlOf } from "./sql.ts";
import { Turnstile } from "./turnstile.ts";

/** Transactions that may wait for a connection; one more is refused. */
const waitingMax = 1000;

export function openPostgres(settings: PoolSettings, log: PoolLog): Database {
  const { deadlineMs, connectionsMax } = settings;
  const pools = new Pools(settings, log);
  const statements = new Statements(pools);
  // One connection is left to plain statements, which pipeline on it while all others are in transactions.
  const turnstile = new Turnstile(Math.max(1, connectionsMax - 1), waitingMax);

  const run = <Row extends object>(text: string, values: SqlValue[] | null) => {
    const pool = pools.current;
    return statements.run<Row>({ text, values, deadlineMs }, pool, pool.connections);
  };
  const sql = sqlOf({
    // The server ends what is late, by a setting of the session: another deadline needs a transaction.
    query: (text, values, withinMs = deadlineMs) =>
      withinMs === deadlineMs ? run(text, values) : sql.begin((tx) => tx.query(text, values, withinMs)),
    script: async (text, withinMs = deadlineMs) => {
      if (withinMs === deadlineMs) await run(text, null);
      else await sql.begin((tx) => tx.script(text, withinMs));
    },
    begin: async <T>(work: (tx: Sql) => Promise<T>) => {
      const leave = await turnstile.enter(deadlineMs);
      try {
        return await new Transaction<T>(pools, statements, deadlineMs).run(work);
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
