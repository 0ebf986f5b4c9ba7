/** One node: `open` listens, builds the parts in order and lets requests in; `stop` takes everything down in reverse. */
import { type Config, urlOf } from "./config.ts";
import { createDoor } from "./door.ts";
import { serve } from "./http/serve.ts";
import { type Clock, systemClock } from "./model/clock.ts";
import { createLog, type Log } from "./observe/log.ts";
import { createMetrics } from "./observe/metrics.ts";
import type { Parts } from "./parts.ts";
import { Teardown } from "./teardown.ts";

export interface Runtime extends Parts {
  /** With `baseUrl` as it is really bound. */
  readonly config: Config;
  /** Where it listens, e.g. `http://127.0.0.1:3000`; null when it was opened without a port. */
  readonly url: string | null;
  /** Answers a request without a socket. */
  fetch(request: Request): Response | Promise<Response>;
  isReady(): boolean;
  /** Graceful, within 10 s: answers what is under way, releases jobs and passes, closes. Safe to call twice. */
  stop(): Promise<void>;
}

export interface OpenOptions {
  /** False: no port is opened, requests come by `fetch`. */
  readonly listen?: boolean;
  readonly log?: Log;
  readonly clock?: Clock;
}

/** Resolves when the node can serve. /health answers earlier, as soon as the port is open. */
export async function open(given: Config, options: OpenOptions = {}): Promise<Runtime> {
  const log = options.log ?? createLog(given.logLevel);
  const metrics = createMetrics();
  const teardown = new Teardown(log);
  const door = createDoor(metrics);
  const closing = new AbortController();
  let stopped: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopped ??= teardown.run();
    return stopped;
  };
  try {
    const server = options.listen === false ? null : serve({ host: given.host, port: given.port, fetch: door.fetch });
    if (server) teardown.add("connections", 1000, () => server.close());
    const url = server === null ? null : urlOf(given.host, server.port);
    const config = url === null || given.port !== 0 ? given : bound(given, server?.port ?? 0);
    for (const note of given.notes) log.warn(note);
    // Loaded now and not with this file: the port is open before the larger part of the code is read.
    const { buildParts } = await import("./parts.ts");
    const clock = options.clock ?? systemClock;
    const parts = await buildParts({
      config,
      url,
      clock,
      log,
      metrics,
      closing: closing.signal,
      isReady: door.isReady,
      teardown,
    });
    teardown.add("requests", 2500, () => {
      door.startClosing();
      closing.abort();
      server?.stopAccepting();
      return door.drained();
    });
    door.openTo((request, bindings) => parts.app.fetch(request, bindings));
    log.info({ url, store: parts.database.kind, nodeId: parts.nodeId }, "ready");
    return { ...parts, config, url, fetch: door.fetch, isReady: door.isReady, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** With port 0 the address is known only now. A base URL that was given stays. */
function bound(config: Config, port: number): Config {
  return config.baseUrl === urlOf(config.host, 0)
    ? Object.freeze({ ...config, baseUrl: urlOf(config.host, port) })
    : config;
}
