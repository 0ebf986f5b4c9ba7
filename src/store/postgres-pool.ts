/**
 * A pool of postgres.js connections that can be thrown away. A connection that broke or went silent takes its whole pool with it:
 * a fresh pool serves from then on, the old one ends what it has in flight and is destroyed when its time is up.
 */
import net from "node:net";
import postgres from "postgres";
import { keyedPlans } from "./sql.ts";

/** Also the shape of every await's bound: client-side it ends the wait, server-side a tenth earlier it ends the work. */
export interface PoolSettings {
  readonly url: string;
  readonly connectionsMax: number;
  readonly deadlineMs: number;
  readonly applicationName: string;
}

export interface PoolLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Retired pools that may still finish their work at one time; one more, and the eldest is destroyed at once. */
const retiredMax = 4;

export class Pools {
  readonly #settings: PoolSettings;
  readonly #log: PoolLog;
  readonly #retired: Pool[] = [];
  #current: Pool;
  #closed = false;

  constructor(settings: PoolSettings, log: PoolLog) {
    this.#settings = settings;
    this.#log = log;
    this.#current = new Pool(settings, settings.connectionsMax, log);
  }

  get current(): Pool {
    return this.#current;
  }

  /** Replaces `pool` unless that was done before: many statements may find out at once. */
  retire(pool: Pool, why: string): void {
    if (this.#current !== pool || this.#closed) return;
    this.#log.warn({ why }, "database connections replaced");
    this.#current = new Pool(this.#settings, this.#settings.connectionsMax, this.#log);
    this.#retired.push(pool);
    if (this.#retired.length > retiredMax) this.#retired.shift()?.destroy();
    void pool.drain(this.#settings.deadlineMs).then(() => {
      const at = this.#retired.indexOf(pool);
      if (at >= 0) this.#retired.splice(at, 1);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#current, ...this.#retired].map((pool) => pool.drain(this.#settings.deadlineMs)));
  }
}

/** Good-byes are said within this time. */
const farewellMs = 200;

/** One pool of postgres.js, which knows what is in flight on it. `extra`: what a pool with another task (LISTEN) adds. */
export class Pool {
  readonly connections: Pick<postgres.Sql, "unsafe" | "begin" | "end">;
  readonly #dialer: Dialer;
  #inFlight = 0;
  #idle: (() => void) | null = null;

  constructor(settings: PoolSettings, connectionsMax: number, log: PoolLog, extra: ListenOptions = {}) {
    this.#dialer = new Dialer(connectionsMax);
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
        ...keyedPlans,
        statement_timeout: serverMs,
        lock_timeout: Math.ceil(serverMs / 2),
        idle_in_transaction_session_timeout: settings.deadlineMs,
      },
      types: textTypes,
      socket: this.#dialer.dial,
    };
    this.connections = postgres(settings.url, options); // `socket` and `onnotify` exist, but not in its types
  }

  /** Something begins; to be followed by one `ended`. */
  began(): void {
    this.#inFlight += 1;
  }

  ended(): void {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#idle?.();
  }

  /** Resolves when all in flight has ended, at the latest after `withinMs`; then nothing of the pool is left. */
  async drain(withinMs: number): Promise<void> {
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        this.#idle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    await this.connections.end({ timeout: farewellMs / 1000 }).catch(() => undefined);
    this.destroy();
  }

  destroy(): void {
    this.#dialer.destroy();
  }
}

export interface ListenOptions {
  onnotify?: (channel: string, payload: string) => void;
  onclose?: (connectionId: number) => void;
}

/** The pool's size is dialled at most once within this time: postgres.js redials a server that hangs up in a tight loop. */
const dialWindowMs = 50;

/** Keeps hold of a pool's sockets, as a half-open one must be destroyed: postgres.js only says good-bye into it. */
class Dialer {
  readonly #sockets = new Set<net.Socket>();
  readonly #perWindow: number;
  #windowAtMs = Number.NEGATIVE_INFINITY;
  #inWindow = 0;
  #attempts = 0;
  #destroyed = false;

  constructor(connectionsMax: number) {
    this.#perWindow = connectionsMax;
  }

  destroy(): void {
    this.#destroyed = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** The socket need not be connected yet: it keeps what is written until it is. */
  readonly dial = async (to: { path?: string; host: string[]; port: number[] }): Promise<net.Socket> => {
    for (;;) {
      const restMs = this.#windowAtMs + dialWindowMs - performance.now();
      if (restMs <= 0) {
        this.#windowAtMs = performance.now();
        this.#inWindow = 0;
      }
      if (this.#inWindow < this.#perWindow) break;
      await new Promise((resolve) => setTimeout(resolve, restMs));
    }
    this.#inWindow += 1;
    for (const old of this.#sockets) if (old.destroyed) this.#sockets.delete(old);
    const at = this.#attempts++ % to.host.length;
    const host = to.host[at] ?? "localhost";
    // postgres.js reads `host` for the name in a TLS handshake.
    const socket = Object.assign(new net.Socket(), { host });
    this.#sockets.add(socket);
    if (to.path) socket.connect(to.path);
    else socket.connect(to.port[at] ?? 5432, host);
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
