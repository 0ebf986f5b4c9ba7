/** Tells other nodes what this node's listeners watch, and knows what theirs do, so that a commit is hinted only where it is looked at. */
import type { Database } from "../store/sql.ts";

export interface Watch {
  /** Whether a listener of another node wants to hear of this dataset or pass. */
  isWatched(kind: string, id: string): boolean;
  /** Says, soon, what is watched here: after the first listener, and whenever that changed. */
  announce(): void;
  stop(): void;
}

interface WatchParts {
  readonly database: Pick<Database, "notify" | "listen">;
  readonly runId: string;
  readonly monotonicMs: () => number;
}

const channel = "live_watch";
/** How often a node that has listeners says so, and how long others believe it. */
const announceMs = 10_000;
const believedMs = 30_000;
/** A notification takes 8,000 bytes: from here on everything is asked for. */
const idsMax = 150;
const everything = "*plan,*pass";
const nodesMax = 256;

/** `interest`: ids that this node's listeners want, and `*kind` for every one of a kind. */
export function createWatch(parts: WatchParts, interest: () => ReadonlySet<string>): Watch {
  const { database, runId, monotonicMs } = parts;
  const others = new Map<string, { untilMs: number; ids: ReadonlySet<string> }>();
  let soon: ReturnType<typeof setTimeout> | null = null;

  function say(): void {
    const ids = interest();
    if (ids.size === 0) return;
    database.notify(channel, `${runId} ${ids.size > idsMax ? everything : [...ids].join(",")}`);
  }

  const heard = database.listen(channel, (payload) => {
    if (payload === null) return say();
    const [from, list] = payload.split(" ");
    if (from === undefined || list === undefined || from === runId) return;
    if (others.size >= nodesMax && !others.has(from)) forget(others, monotonicMs());
    if (others.size >= nodesMax && !others.has(from)) return;
    others.set(from, { untilMs: monotonicMs() + believedMs, ids: new Set(list.split(",")) });
  });
  heard.catch(() => undefined); // hints only: without them a page is as new as its last load
  const timer = setInterval(() => {
    forget(others, monotonicMs());
    say();
  }, announceMs);

  return {
    isWatched(kind, id) {
      if (others.size === 0) return false;
      for (const { untilMs, ids } of others.values()) {
        if (untilMs > monotonicMs() && (ids.has(id) || ids.has(`*${kind}`))) return true;
      }
      return false;
    },
    announce() {
      soon ??= setTimeout(() => {
        soon = null;
        say();
      }, 20);
    },
    stop() {
      clearInterval(timer);
      if (soon !== null) clearTimeout(soon);
      heard.then((unlisten) => unlisten()).catch(() => undefined);
    },
  };
}

function forget(others: Map<string, { untilMs: number }>, nowMs: number): void {
  for (const [node, { untilMs }] of others) if (untilMs <= nowMs) others.delete(node);
}
