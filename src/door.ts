/** The way in: answers /health from the first moment, everything else once there is an application, and counts what is under way. */
import { Hono } from "hono";
import { healthRoutes } from "./http/health.ts";
import type { Bindings } from "./http/sockets.ts";
import type { Metrics } from "./observe/metrics.ts";

/** Without bindings a request came by no connection that could become a WebSocket. */
type Fetch = (request: Request, bindings?: Bindings) => Response | Promise<Response>;

export interface Door {
  readonly fetch: Fetch;
  /** From here on the application answers. */
  openTo(app: Fetch): void;
  isReady(): boolean;
  /** Not ready any more; requests on open connections are still answered. */
  startClosing(): void;
  /** Resolves when no request waits for its answer. Live streams have theirs already. */
  drained(): Promise<void>;
}

export function createDoor(metrics: Metrics): Door {
  let app: Fetch | null = null;
  let isClosing = false;
  let underWay = 0;
  let onDrained = (): void => {};
  const isReady = (): boolean => app !== null && !isClosing;
  const before = waitingRoom(metrics, isReady);

  function done(): void {
    underWay -= 1;
    if (underWay === 0) onDrained();
  }

  return {
    async fetch(request, bindings) {
      underWay += 1;
      try {
        return await (app ?? before)(request, bindings);
      } finally {
        done();
      }
    },
    openTo(application) {
      app = application;
    },
    isReady,
    startClosing() {
      isClosing = true;
    },
    drained: () =>
      new Promise((resolve) => {
        onDrained = resolve;
        if (underWay === 0) resolve();
      }),
  };
}

function waitingRoom(metrics: Metrics, isReady: () => boolean): Fetch {
  const starting = JSON.stringify({
    type: "about:blank",
    title: "Service Unavailable",
    status: 503,
    detail: "Orrery is starting: try again in a second",
    code: "starting",
  });
  const headers = {
    "Content-Type": "application/problem+json; charset=utf-8",
    "Retry-After": "1",
    "Cache-Control": "no-store",
  };
  const app = new Hono();
  app.route("/", healthRoutes({ metrics, isReady }));
  app.notFound(() => new Response(starting, { status: 503, headers }));
  return (request) => app.fetch(request);
}
