/** Hints between nodes by NOTIFY: sent in bundles outside any transaction, heard on a connection of their own that is watched. */
import { Pool, type PoolLog, type PoolSettings } from "./postgres-pool.ts";
import { array, type Database, type Sql } from "./sql.ts";

/** Identical hints within this time are one. */
const coalesceMs = 10;
/** Distinct hints that may wait; one more is dropped and counted: polling finds what it meant. */
const queuedMax = 2000;
/** Postgres takes 8,000 bytes less a terminator. */
const payloadBytesMax = 7900;
const reopenMs = 500;

export interface Notifier {
  notify: Database["notify"];
  close(): Promise<void>;
}

export function openNotifier(sql: Sql, log: PoolLog): Notifier {
  let queued = new Map<string, { channel: string; payload: string }>();
  let timer: ReturnType<typeof setTimeout> | null = null;
  let sending: Promise<void> | null = null;
  let dropped = 0;
  let closed = false;

  async function send(): Promise<void> {
    const hints = [...queued.values()];
    queued = new Map();
    try {
      await sql`select pg_notify(hint.channel, hint.payload)
        from unnest(${array(hints.map((hint) => hint.channel))}::text::text[], ${array(hints.map((hint) => hint.payload))}::text::text[])
          as hint (channel, payload)`;
    } catch (error) {
      dropped += hints.length;
      log.warn({ err: error, dropped }, "hints to other nodes were dropped: they find out by polling");
    }
  }

  /** One bundle at a time: what comes meanwhile is the next one. */
  function arm(): void {
    if (timer !== null || sending !== null || queued.size === 0 || closed) return;
    timer = setTimeout(() => {
      timer = null;
      sending = send().finally(() => {
        sending = null;
        arm();
      });
    }, coalesceMs);
  }

  return {
    notify(channel, payload) {
      if (closed) return;
      if (
        queued.size >= queuedMax ||
        (payload.length > payloadBytesMax / 3 && Buffer.byteLength(payload) > payloadBytesMax)
      ) {
        dropped += 1;
        if (dropped % 1000 === 1) log.warn({ dropped }, "hints to other nodes were dropped: too many or too long");
        return;
      }
      queued.set(`${channel}\n${payload}`, { channel, payload });
      arm();
    },
    async close() {
      if (timer !== null) clearTimeout(timer);
      await sending;
      if (queued.size > 0 && !closed) await send();
      closed = true;
    },
  };
}

export interface Listener {
  listen: Database["listen"];
  close(): Promise<void>;
}

type Hear = (payload: string | null) => void;

/** Opens its connection with the first `listen`; opens a new one whenever that broke, and then tells everyone to look again. */
export function openListener(settings: PoolSettings, log: PoolLog): Listener {
  const heard = new Map<string, Set<Hear>>();
  // A connection that went silent is noticed within two deadlines.
  const probeMs = settings.deadlineMs;
  let open: Pool | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let closed = false;

  const tell = (hear: Hear, payload: string | null) => {
    try {
      hear(payload);
    } catch (error) {
      log.warn({ err: error }, "a hint was heard with an error");
    }
  };

  function connect(): Pool {
    const opened: Pool = new Pool(settings, 1, log, {
      onnotify: (channel, payload) => {
        for (const hear of heard.get(channel) ?? []) tell(hear, payload);
      },
      onclose: () => lose(opened, "closed"),
    });
    schedule(probeMs, () => probe(opened));
    return opened;
  }

  function schedule(afterMs: number, then: () => void): void {
    if (timer !== null) clearTimeout(timer);
    if (!closed) timer = setTimeout(then, afterMs);
  }

  async function probe(opened: Pool): Promise<void> {
    try {
      await within(settings.deadlineMs, opened.connections.unsafe("select 1"));
      if (opened === open) schedule(probeMs, () => void probe(opened));
    } catch (error) {
      lose(opened, String(error));
    }
  }

  function lose(lost: Pool, why: string): void {
    if (lost !== open || closed) return;
    log.warn({ why }, "listening for hints was interrupted");
    open = null;
    lost.destroy();
    void lost.drain(0);
    schedule(reopenMs, () => void reopen());
  }

  async function reopen(): Promise<void> {
    const opened = connect();
    open = opened;
    try {
      for (const channel of heard.keys()) await ask(opened, `listen ${quoted(channel)}`);
    } catch (error) {
      lose(opened, String(error));
      return;
    }
    for (const all of heard.values()) for (const hear of all) tell(hear, null);
  }

  const ask = (opened: Pool, text: string) => within(settings.deadlineMs, opened.connections.unsafe(text));

  return {
    async listen(channel, hear) {
      const all = heard.get(channel) ?? new Set<Hear>();
      heard.set(channel, all.add(hear));
      if (open === null && timer === null) open = connect();
      if (open !== null) {
        const opened = open;
        // A failure here is repaired by reopening, which listens to every channel.
        await ask(opened, `listen ${quoted(channel)}`).catch((error: unknown) => lose(opened, String(error)));
      }
      return async () => {
        all.delete(hear);
        if (all.size > 0 || heard.get(channel) !== all) return;
        heard.delete(channel);
        if (open !== null) await ask(open, `unlisten ${quoted(channel)}`).catch(() => undefined);
      };
    },
    async close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      const last = open;
      open = null;
      await last?.drain(0);
    },
  };
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

function within<T>(deadlineMs: number, wait: PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs);
    wait.then(resolve, reject).then(() => clearTimeout(timer));
  });
}
