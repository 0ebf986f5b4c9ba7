/**
 * The embedded store: PGlite in a directory of ours, one connection, statements prepared once. A statement runs while the event loop
 * waits, so a deadline bounds only the wait for a turn. It survives a killed process, not a power cut: nothing is fsynced.
 */
import { join } from "node:path";
import { PGlite, protocol } from "@electric-sql/pglite";
import { sqlErrorOf } from "./faults.ts";
import { lockDirectory } from "./lock-file.ts";
import { pgliteOptions } from "./pglite-assets.ts";
import { ensureDataDirectory } from "./pglite-directory.ts";
import { type Database, keyedPlans, type Sql, SqlError, type SqlValue, sqlOf } from "./sql.ts";
import { Turnstile } from "./turnstile.ts";

/** Statements and transactions that may wait for their turn; one more is refused. */
const waitingMax = 10_000;
/** Prepared statements kept; the eldest goes when one more comes. */
const preparedMax = 500;

/** Half of the usual 128 MB of buffers: 60 MB less memory, and the kernel caches the files anyway. */
const serverParameters = [...PGlite.defaultStartParams, "-c", "shared_buffers=64MB", "-c", "max_wal_size=256MB"];

export async function openPglite(dataDir: string, deadlineMs: number): Promise<Database> {
  const unlock = lockDirectory(dataDir);
  try {
    const directory = join(dataDir, "pg");
    await ensureDataDirectory(directory);
    const session = new Session(
      await PGlite.create(directory, { ...(await pgliteOptions(dataDir)), startParams: serverParameters }),
    );
    await session.script("set timezone to 'UTC'");
    for (const [name, value] of Object.entries(keyedPlans)) await session.script(`set ${name} to ${value}`);
    return databaseOf(session, deadlineMs, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

function databaseOf(session: Session, deadlineMs: number, unlock: () => void): Database {
  const turnstile = new Turnstile(1, waitingMax);
  const alone = async <T>(work: () => T | Promise<T>, withinMs = deadlineMs): Promise<T> => {
    const leave = await turnstile.enter(withinMs);
    try {
      if (session.closed) throw new SqlError("unavailable", null, "The embedded store is closed");
      return await work();
    } finally {
      leave();
    }
  };
  const heard = new Map<string, Set<(payload: string | null) => void>>();
  let closed = false;

  return {
    kind: "embedded",
    sql: sqlOf({
      query: (text, values, withinMs) => alone(() => session.query(text, values), withinMs),
      script: (text, withinMs) => alone(() => session.script(text), withinMs),
      begin: (work) => alone(() => transact(session, work)),
    }),
    notify(channel, payload) {
      queueMicrotask(() => {
        for (const hear of heard.get(channel) ?? []) hear(payload);
      });
    },
    async listen(channel, hear) {
      const all = heard.get(channel) ?? new Set();
      heard.set(channel, all.add(hear));
      return async () => void all.delete(hear);
    },
    async close() {
      if (closed) return;
      closed = true;
      heard.clear();
      await alone(() => session.close());
      unlock();
    },
  };
}

async function transact<T>(session: Session, work: (tx: Sql) => Promise<T>): Promise<T> {
  let failed: unknown = null;
  let ended = false;
  const guarded = async <R>(run: () => Promise<R>): Promise<R> => {
    if (ended) throw new SqlError("defect", null, "Cannot use a transaction that has ended");
    try {
      return await run();
    } catch (error) {
      failed ??= error;
      throw error;
    }
  };
  await session.script("begin");
  try {
    const result = await work(
      sqlOf({
        query: <Row extends object>(text: string, values: SqlValue[]) =>
          guarded(() => session.query<Row>(text, values)),
        script: (text) => guarded(() => session.script(text)),
        begin: () => Promise.reject(new SqlError("defect", null, "Cannot begin a transaction within a transaction")),
      }),
    );
    if (failed !== null) throw failed;
    ended = true;
    await session.script("commit");
    return result;
  } catch (error) {
    ended = true;
    if (session.inTransaction()) await session.script("rollback");
    throw error;
  }
}

interface Prepared {
  readonly name: string;
  readonly columns: readonly Column[];
}

interface Column {
  readonly name: string;
  readonly read: ((text: string) => unknown) | undefined;
}

/** What PGlite's wire protocol answers, as far as it matters here. */
type Answers = { readonly name: string }[];

/** One connection, spoken to in the wire protocol: PGlite's own `query` prepares each statement anew, in six exchanges. */
class Session {
  readonly #pglite: PGlite;
  readonly #prepared = new Map<string, Prepared>();
  #names = 0;

  constructor(pglite: PGlite) {
    this.#pglite = pglite;
  }

  async query<Row extends object>(text: string, values: readonly SqlValue[]): Promise<Row[]> {
    const { name, columns } = this.#prepared.get(text) ?? (await this.#prepare(text));
    const answers = await this.#exchange(
      protocol.serialize.bind({
        statement: name,
        values: values.map((value) => (value === null ? null : String(value))),
      }),
      protocol.serialize.execute({}),
      protocol.serialize.sync(),
    );
    const rows: Row[] = [];
    for (const answer of answers) {
      if (!(answer instanceof protocol.messages.DataRowMessage)) continue;
      const row: Record<string, unknown> = {};
      for (let i = 0; i < columns.length; i++) {
        const column = columns[i];
        const field = answer.fields[i];
        if (column === undefined || field === undefined) continue;
        row[column.name] = field === null || column.read === undefined ? field : column.read(field);
      }
      rows.push(row as Row); // the caller states the shape of its rows
    }
    return rows;
  }

  /** It may change tables, so what was prepared before is forgotten. */
  async script(text: string): Promise<void> {
    if (!controlsTransaction.has(text)) {
      this.#prepared.clear();
      await this.#exchange(protocol.serialize.query("deallocate all"));
    }
    await this.#exchange(protocol.serialize.query(text));
  }

  inTransaction(): boolean {
    return this.#pglite.isInTransaction();
  }

  get closed(): boolean {
    return this.#pglite.closed;
  }

  async close(): Promise<void> {
    await this.#pglite.close();
  }

  async #prepare(text: string): Promise<Prepared> {
    const name = `s${++this.#names}`;
    const answers = await this.#exchange(
      protocol.serialize.parse({ name, text }),
      protocol.serialize.describe({ type: "S", name }),
      protocol.serialize.sync(),
    );
    const description = answers.find((answer) => answer instanceof protocol.messages.RowDescriptionMessage);
    const columns = (description?.fields ?? []).map((field) => ({
      name: field.name,
      read: readers.get(field.dataTypeID),
    }));
    const prepared = { name, columns };
    this.#prepared.set(text, prepared);
    if (this.#prepared.size > preparedMax) await this.#forgetEldest();
    return prepared;
  }

  async #forgetEldest(): Promise<void> {
    for (const [text, { name }] of this.#prepared) {
      this.#prepared.delete(text);
      await this.#exchange(protocol.serialize.close({ type: "S", name }), protocol.serialize.sync());
      return;
    }
  }

  /** Throws what the server says. Raw, as PGlite else keeps all that it ever answered. */
  async #exchange(...messages: Uint8Array[]): Promise<Answers> {
    const answers: Answers = [];
    let refused: unknown = null;
    const parser = new protocol.Parser();
    try {
      await this.#pglite.execProtocolRawStream(Buffer.concat(messages), {
        syncToFs: false,
        onRawData: (bytes) =>
          // A copy, as these are the engine's own memory.
          parser.parse(bytes.slice(), (message) => {
            if (message instanceof protocol.messages.DatabaseError) refused ??= message;
            else answers.push(message);
          }),
      });
    } catch (error) {
      throw sqlErrorOf(error, true);
    }
    if (refused !== null) throw sqlErrorOf(refused, true);
    return answers;
  }
}

const controlsTransaction = new Set(["begin", "commit", "rollback"]);

const toNumber = (text: string) => Number(text);

/** By type oid; all others stay text, dates and JSON among them. */
const readers = new Map<number, (text: string) => unknown>([
  [16, (text) => text === "t"],
  [20, toNumber], // int8
  [21, toNumber], // int2
  [23, toNumber], // int4
  [26, toNumber], // oid
  [700, toNumber], // float4
  [701, toNumber], // float8
]);
