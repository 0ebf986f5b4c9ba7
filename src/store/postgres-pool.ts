/**
 * A pool of postgres.js connections that can be thrown away. A connection that broke or went silent takes its whole pool with it:
 * a fresh pool serves from then on, the old one ends what it has in flight and is destroyed when its time is up.
 */
import net from "node:net";
import postgres from "postgres";

/** Also the shape of every await's bound: client-side it ends the wait, server-side a tenth earlier it ends the work. */
export interface PoolSettings {
  readonly url: string;
  readonly connectionsMax: number;
  readonly deadlineMs: number;
  readonly applicationName: string;
}

/** What is used of postgres.js. */
export type Pool = Pick<postgres.Sql, "unsafe" | "begin" | "end">;

export interface PoolLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Retired pools that may still finish their work at one time; one more, and the eldest is destroyed at once. */
const retiredMax = 4;

export class Pools {
  readonly #settings: PoolSettings;
  readonly #log: PoolLog;
  readonly #retired: OpenPool[] = [];
  #current: OpenPool;
  #closed = false;

  constructor(settings: PoolSettings, log: PoolLog) {
    this.#settings = settings;
    this.#log = log;
    this.#current = openPool(settings, settings.connectionsMax, log);
  }

  get current(): Pool {
    return this.#current.pool;
  }

  /** Replaces `pool` unless that was done before: many statements may find out at once. */
  retire(pool: Pool, why: string): void {
    const old = this.#current;
    if (old.pool !== pool || this.#closed) return;
    this.#log.warn({ why }, "database connections replaced");
    this.#current = openPool(this.#settings, this.#settings.connectionsMax, this.#log);
    this.#retired.push(old);
    if (this.#retired.length > retiredMax) this.#retired.shift()?.destroy();
    void old.drain(this.#settings.deadlineMs).then(() => {
      const at = this.#retired.indexOf(old);
      if (at >= 0) this.#retired.splice(at, 1);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#current, ...this.#retired].map((open) => open.drain(this.#settings.deadlineMs)));
  }
}

export interface OpenPool {
  readonly pool: Pool;
  /** Ends when all in flight has ended, at the latest after `withinMs`; then nothing of the pool is left. */
  drain(withinMs: number): Promise<void>;
  destroy(): void;
}

/** `extra`: what a pool with another task (LISTEN) adds. */
export function openPool(
  settings: PoolSettings,
  connectionsMax: number,
  log: PoolLog,
  extra: ListenOptions = {},
): OpenPool {
  const dialer = new Dialer();
  const serverMs = Math.ceil(settings.deadlineMs * 0.9);
  const options = {
    ...extra,
    max: connectionsMax,
    prepare: true,
    fetch_types: false,
    idle_timeout: 0,
    max_lifetime: 0,
    // Sooner than the deadline of who waits for the connection, so that it is told why.
    connect_timeout: (settings.deadlineMs / 1000) * 0.8,
    backoff: () => 0.05,
    onnotice: (notice: postgres.Notice) => log.debug({ notice: notice.message }, "database notice"),
    connection: {
      application_name: settings.applicationName,
      TimeZone: "UTC",
      statement_timeout: serverMs,
      lock_timeout: Math.ceil(serverMs / 2),
      idle_in_transaction_session_timeout: settings.deadlineMs,
    },
    types: textTypes,
    socket: dialer.dial,
  };
  const pool: Pool = postgres(settings.url, options); // `socket` and `onnotify` exist, but not in its types
  return {
    pool,
    destroy: dialer.destroy,
    async drain(withinMs) {
      await pool.end({ timeout: withinMs / 1000 }).catch(() => undefined);
      dialer.destroy();
    },
  };
}

export interface ListenOptions {
  onnotify?: (channel: string, payload: string) => void;
  onclose?: (connectionId: number) => void;
}

/** A server that hangs up at once is not dialled again within this time: postgres.js would do so in a tight loop. */
const redialMs = 50;

/** Keeps hold of a pool's sockets, as a half-open one must be destroyed: postgres.js only says good-bye into it. */
class Dialer {
  readonly #sockets = new Set<net.Socket>();
  #attempts = 0;
  #lostAtMs = Number.NEGATIVE_INFINITY;
  #destroyed = false;

  readonly destroy = (): void => {
    this.#destroyed = true;
    for (const socket of this.#sockets) socket.destroy();
  };

  /** The socket need not be connected yet: it keeps what is written until it is. */
  readonly dial = async (to: { path?: string; host: string[]; port: number[] }): Promise<net.Socket> => {
    const restMs = this.#lostAtMs + redialMs - performance.now();
    if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
    const socket = new net.Socket();
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#lostAtMs = performance.now();
    });
    const at = this.#attempts++ % to.host.length;
    if (to.path) socket.connect(to.path);
    else socket.connect(to.port[at] ?? 5432, to.host[at] ?? "localhost");
    socket.setNoDelay(true);
    if (this.#destroyed) socket.destroy();
    return socket;
  };
}

const asText = (value: unknown) => String(value);

/** No parser leaves the text as it is, which postgres.js's types do not know. */
const unparsed = undefined as unknown as (text: string) => string;

/** Dates, JSON and bytes pass as text, unmodified; integers and floats are numbers. */
const textTypes = {
  date: { to: 1184, from: [1082, 1114, 1184], serialize: asText, parse: unparsed },
  json: { to: 114, from: [114, 3802], serialize: asText, parse: unparsed },
  bigint: { to: 20, from: [20], serialize: asText, parse: Number },
  bool: { to: 16, from: [16], serialize: asText, parse: (text: string) => text === "t" },
  bytea: { to: 17, from: [17], serialize: asText, parse: unparsed },
};
