/**
 * Answers that come later: `open` makes an address that can be answered once, `settle` takes what was sent to it on any node. The
 * node that waits is told by a hint, and looks by itself once a second. Nothing of it outlives the wait: when the node restarts, the
 * job's lease runs out, the job is tried again under a new address, and the old one is unknown.
 */
import { createHash, randomBytes } from "node:crypto";
import type { JobId } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import type { Log } from "../observe/log.ts";
import { answerCallback, answersOf, closeCallback, openCallback, pruneCallbacks } from "../store/callbacks.ts";
import type { Database } from "../store/sql.ts";

export interface Callbacks {
  /** Before it, `open` rejects. */
  start(database: Database): Promise<void>;
  open(ask: CallbackAsk): Promise<OpenCallback>;
  /** `answer` is JSON. False: the address is unknown, was used, or its time is over. */
  settle(secret: string, answer: JsonText): Promise<boolean>;
  stop(): Promise<void>;
}

export interface CallbackAsk {
  readonly jobId: JobId;
  readonly attempt: number;
  readonly token: number;
  readonly expiresInMs: number;
}

export interface OpenCallback {
  readonly url: string;
  /** What was sent to it. Never rejects; pending for ever if nothing comes. */
  readonly answer: Promise<JsonText>;
  /** From here on it is unknown. Call it always. */
  close(): Promise<void>;
}

const hintChannel = "orrery_callbacks";
const secretBytes = 32;
const pruneEveryMs = 60_000;
/** Kept a while, so that whoever looks into a late answer finds when it was due. */
const keptS = 3600;
const prunedMax = 1000;

export interface CallbacksParts {
  /** Of the API, as the services that answer reach it; no slash at its end. */
  readonly baseUrl: string;
  readonly log: Pick<Log, "warn">;
  readonly pollMs?: number;
}

export function createCallbacks(parts: CallbacksParts): Callbacks {
  return new PendingCallbacks(parts);
}

class PendingCallbacks implements Callbacks {
  readonly #parts: Required<CallbacksParts>;
  readonly #pending = new Map<string, (answer: JsonText) => void>();
  #database: Database | null = null;
  #unlisten: () => Promise<void> = async () => {};
  #timer: NodeJS.Timeout | null = null;
  #isLooking = false;
  #prunedMs = 0;

  constructor(parts: CallbacksParts) {
    this.#parts = { pollMs: 1_000, ...parts };
  }

  async start(database: Database): Promise<void> {
    this.#database = database;
    // A hint names the one that was answered; null after a reconnect.
    this.#unlisten = await database.listen(hintChannel, (hash) => {
      if (hash === null || this.#pending.has(hash)) void this.#look();
    });
    this.#timer = setInterval(() => void this.#look(), this.#parts.pollMs);
  }

  async open(ask: CallbackAsk): Promise<OpenCallback> {
    const { sql } = this.#store();
    const secret = randomBytes(secretBytes).toString("base64url");
    const secretHash = hashOf(secret);
    await openCallback(sql, { ...ask, secretHash });
    const { promise, resolve } = Promise.withResolvers<JsonText>();
    this.#pending.set(secretHash, resolve);
    return {
      url: `${this.#parts.baseUrl}/api/callback/${secret}`,
      answer: promise,
      close: async () => {
        this.#pending.delete(secretHash);
        await closeCallback(sql, secretHash).catch((error: unknown) =>
          this.#parts.log.warn({ err: error }, "a callback was not closed: it ends by its time"),
        );
      },
    };
  }

  async settle(secret: string, answer: JsonText): Promise<boolean> {
    const database = this.#store();
    const secretHash = hashOf(secret);
    if (!(await answerCallback(database.sql, secretHash, answer))) return false;
    if (this.#pending.has(secretHash)) this.#take(secretHash, answer);
    else database.notify(hintChannel, secretHash);
    return true;
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#unlisten().catch(() => undefined);
  }

  #store(): Database {
    if (this.#database === null) throw new Error("Callbacks have not been started");
    return this.#database;
  }

  #take(secretHash: string, answer: JsonText): void {
    this.#pending.get(secretHash)?.(answer);
    this.#pending.delete(secretHash);
  }

  async #look(): Promise<void> {
    if (this.#isLooking || this.#pending.size === 0) return;
    this.#isLooking = true;
    try {
      const { sql } = this.#store();
      for (const { secretHash, answer } of await answersOf(sql, [...this.#pending.keys()]))
        this.#take(secretHash, answer);
      if (performance.now() - this.#prunedMs > pruneEveryMs) {
        this.#prunedMs = performance.now();
        await pruneCallbacks(sql, keptS, prunedMax);
      }
    } catch (error) {
      this.#parts.log.warn({ err: error }, "callbacks could not be looked at: the next look tries again");
    } finally {
      this.#isLooking = false;
    }
  }
}

const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("hex");
