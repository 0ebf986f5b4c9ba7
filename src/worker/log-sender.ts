/** Sends what a job prints while it runs: in batches, one request at a time, and no more than memory and the server can bear. */
import { storableText } from "../compute/output.ts";
import { createBackoff, pause, within } from "../jobs/backoff.ts";
import { LeaseLostError } from "../model/errors.ts";
import type { Lease, LeaseApi } from "./lease-api.ts";
import { ServerAwayError } from "./lease-errors.ts";

/** So that a line is seen soon, and a chatty job costs two requests a second. */
const batchMs = 500;
/** Of one request: as JSON at most six bytes each, below the 256 KiB that a server takes. */
const sentCharsMax = 32 * 1024;
/** Kept while a request is under way or the server is away. Past it the newest is left out: the whole output comes with the outcome. */
const pendingCharsMax = 128 * 1024;
const flushMsMax = 3_000;
const sendMsMax = 10_000;

export interface LogSender {
  push(chunk: Uint8Array): void;
  /** Sends what is left, within seconds. */
  end(): Promise<void>;
  /** Sends nothing any more. */
  stop(): void;
}

export function createLogSender(api: LeaseApi, lease: Lease, onLost: (error: LeaseLostError) => void): LogSender {
  const decoder = new TextDecoder();
  const stopped = new AbortController();
  let pending = "";
  let leftOut = 0;
  let isEnding = false;
  let sending: Promise<void> | null = null;

  function add(text: string): void {
    const room = pendingCharsMax - pending.length;
    if (text.length > room) leftOut += text.length - room;
    pending += text.slice(0, room);
  }

  function taken(): string {
    const gap = leftOut === 0 ? "" : `\n… ${leftOut} characters left out of the live log …\n`;
    const isAll = pending.length <= sentCharsMax;
    const text = pending.slice(0, sentCharsMax);
    pending = pending.slice(sentCharsMax);
    if (isAll) leftOut = 0;
    return storableText((isAll ? text + gap : text).toWellFormed());
  }

  async function sendAll(): Promise<void> {
    const backoff = createBackoff(500, 5_000);
    if (!isEnding) await pause(batchMs, stopped.signal);
    while (pending !== "" && !stopped.signal.aborted) {
      const text = taken();
      for (let isSent = false; !isSent && !stopped.signal.aborted; ) {
        try {
          await within(sendMsMax, stopped.signal, (signal) => api.log(lease, text, signal));
          isSent = true;
          backoff.reset();
        } catch (error) {
          if (error instanceof LeaseLostError) {
            stopped.abort();
            onLost(error);
          } else if (error instanceof ServerAwayError) {
            await backoff.wait(stopped.signal, error.retryAfterMs);
          } else {
            isSent = true; // refused for what it says: the outcome's output has it anyway
          }
        }
      }
      if (pending.length < sentCharsMax && pending !== "" && !isEnding) await pause(batchMs, stopped.signal);
    }
  }

  function start(): void {
    sending ??= sendAll().finally(() => {
      sending = null;
      if (pending !== "" && !stopped.signal.aborted) start();
    });
  }

  return {
    push(chunk) {
      if (stopped.signal.aborted || isEnding) return;
      add(decoder.decode(chunk, { stream: true }));
      start();
    },
    async end() {
      isEnding = true;
      add(decoder.decode());
      const late = setTimeout(() => stopped.abort(), flushMsMax);
      while (!stopped.signal.aborted && (sending !== null || pending !== "")) {
        start();
        await sending;
      }
      clearTimeout(late);
      stopped.abort();
    },
    stop: () => stopped.abort(),
  };
}
