/**
 * Follows the logs of jobs, on whichever node they run: one statement looks for new parts for all listeners of this node, twice
 * a second and when a hint says that there are some. A listener that does not read is not read for: nothing waits in memory.
 */
import { logChannel } from "../jobs/job-log.ts";
import { OverloadedError } from "../model/errors.ts";
import type { JobId } from "../model/ids.ts";
import type { Log } from "../observe/log.ts";
import { type LogPlace, readLogs } from "../store/job-logs.ts";
import type { Database } from "../store/sql.ts";

const pollMs = 500;
const heartbeatMs = 15_000;
const followersMax = 500;
/** Of one listener at one look. */
const partsMax = 16;
/** Places in one statement. */
const placesMax = 50;
/** The last lines of an attempt are stored within this time of its end. */
const settledMs = 1000;

export interface LogFollowers {
  /** The lines after `from` as server-sent events, and the job's end. */
  follow(from: LogPlace): ReadableStream<Uint8Array<ArrayBuffer>>;
  stop(): void;
}

interface Follower {
  place: LogPlace;
  readonly controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  quietSinceMs: number;
}

export function createLogFollowers(
  database: Pick<Database, "sql" | "listen">,
  log: Pick<Log, "warn">,
  monotonicMs: () => number,
): LogFollowers {
  const encoder = new TextEncoder();
  const followers = new Set<Follower>();
  let timer: ReturnType<typeof setTimeout> | null = null;
  let looking = false;
  let unlisten: Promise<() => Promise<void>> | null = null;
  let isStopped = false;

  function arm(inMs: number): void {
    if (timer !== null) clearTimeout(timer);
    timer = isStopped || followers.size === 0 ? null : setTimeout(() => void look(), inMs);
  }

  async function look(): Promise<void> {
    timer = null;
    if (looking) return; // the look under way arms the next one
    looking = true;
    let hasMore = false;
    try {
      const ready = [...followers].filter(({ controller }) => (controller.desiredSize ?? 0) > 0);
      for (let at = 0; at < ready.length; at += placesMax) {
        if (await lookFor(ready.slice(at, at + placesMax))) hasMore = true;
      }
    } catch (error) {
      log.warn({ err: error }, "the logs of jobs could not be read: the next look tries again");
    } finally {
      looking = false;
      arm(hasMore ? 0 : pollMs);
    }
  }

  /** True: somebody has more to read than one look brings. */
  async function lookFor(some: readonly Follower[]): Promise<boolean> {
    const pages = await readLogs(
      database.sql,
      some.map((follower) => follower.place),
      { countMax: partsMax, settledMs },
    );
    let hasMore = false;
    for (const [i, follower] of some.entries()) {
      const { lines, endState } = pages[i] ?? { lines: [], endState: null };
      const { jobId } = follower.place;
      let text = "";
      for (const { token, part, text: line } of lines) {
        text += `id: ${token}.${part}\nevent: line\ndata: ${JSON.stringify({ token, part, text: line })}\n\n`;
        follower.place = { jobId, token, part };
      }
      const isWhole = lines.length < partsMax;
      if (isWhole && endState !== null) text += `event: end\ndata: ${JSON.stringify({ state: endState })}\n\n`;
      if (text === "" && monotonicMs() - follower.quietSinceMs > heartbeatMs) text = ": here\n\n";
      if (text !== "") say(follower, text);
      if (isWhole && endState !== null) end(follower);
      hasMore ||= !isWhole;
    }
    return hasMore;
  }

  function say(follower: Follower, text: string): void {
    if (!followers.has(follower)) return;
    follower.quietSinceMs = monotonicMs();
    follower.controller.enqueue(encoder.encode(text));
  }

  function end(follower: Follower): void {
    if (!followers.delete(follower)) return;
    try {
      follower.controller.close();
    } catch {
      // the listener went away first
    }
  }

  function listen(): void {
    unlisten ??= database.listen(logChannel, (jobId) => {
      if (jobId === null || isFollowed(jobId)) arm(0);
    });
    unlisten.catch(() => {
      unlisten = null; // the next listener tries again; until then the poll finds everything
    });
  }

  const isFollowed = (jobId: JobId): boolean => [...followers].some(({ place }) => place.jobId === jobId);

  return {
    follow(from) {
      if (followers.size >= followersMax || isStopped) {
        throw new OverloadedError(`${followers.size} logs are followed on this node: try again shortly`);
      }
      let own: Follower | null = null;
      const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
        start(controller) {
          own = { place: from, controller, quietSinceMs: monotonicMs() };
          followers.add(own);
          controller.enqueue(encoder.encode("retry: 1000\n\n"));
        },
        pull: () => {
          if (!looking && own !== null && followers.has(own)) arm(0);
        },
        cancel() {
          if (own !== null) followers.delete(own);
        },
      });
      listen();
      arm(0);
      return body;
    },
    stop() {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
      for (const follower of [...followers]) end(follower);
      void unlisten?.then((undo) => undo()).catch(() => undefined);
    },
  };
}
