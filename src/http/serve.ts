/** Listens for HTTP: one way for Bun, one for Deno. Body limits are the application's, so that a refusal is a problem+json. */
import { SetupError } from "../model/errors.ts";

export interface Server {
  readonly port: number;
  /** No new connections from here on; requests under way are answered. */
  stopAccepting(): void;
  /** Cuts what is still open, live streams too. */
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly fetch: (request: Request) => Response | Promise<Response>;
}

/** Longer than the live streams' heartbeat, short enough to be rid of silent connections. */
const idleS = 120;
/** Bun would refuse a large body by itself, with an answer that is not ours. */
const bodyBytesMax = 2 ** 40;

/** As much of Deno as is used here: its own types are not at hand when Bun's are. */
interface DenoServer {
  readonly addr: { readonly port: number };
  readonly finished: Promise<void>;
  shutdown(): Promise<void>;
}
interface DenoRuntime {
  serve(
    options: {
      hostname: string;
      port: number;
      signal: AbortSignal;
      onListen: () => void;
      onError: (error: unknown) => Response;
    },
    handler: (request: Request) => Response | Promise<Response>,
  ): DenoServer;
}

/** Rejects with a `SetupError` when the address is taken or is not ours. */
export function serve(options: ServeOptions): Server {
  try {
    const deno = (globalThis as { Deno?: DenoRuntime }).Deno; // only there under Deno
    return deno === undefined ? serveByBun(options) : serveByDeno(deno, options);
  } catch (error) {
    const code =
      error instanceof Error && "code" in error ? String(error.code) : error instanceof Error ? error.name : "";
    const why = code === "EADDRINUSE" || code === "AddrInUse" ? "another process holds it" : `${error}`;
    throw new SetupError(`Cannot listen on ${options.host}:${options.port} as ${why}: set another HOST or PORT`, {
      cause: error,
    });
  }
}

function serveByBun({ host, port, fetch }: ServeOptions): Server {
  const server = Bun.serve({
    hostname: host,
    port,
    fetch,
    idleTimeout: idleS,
    maxRequestBodySize: bodyBytesMax,
    development: false,
    // Without this, `development: false` shares the port: a second node would start on it, and take half the requests.
    reusePort: false,
    // The application answers its own errors; what comes here is a defect that must not show its insides.
    error: () => new Response("Internal Server Error", { status: 500 }),
  });
  return {
    port: server.port ?? port,
    stopAccepting: () => void server.stop(),
    close: () => server.stop(true),
  };
}

function serveByDeno(deno: DenoRuntime, { host, port, fetch }: ServeOptions): Server {
  const cut = new AbortController();
  const server = deno.serve(
    {
      hostname: host,
      port,
      signal: cut.signal,
      onListen: () => {},
      onError: () => new Response("Internal Server Error", { status: 500 }),
    },
    fetch,
  );
  let isShuttingDown = false;
  return {
    port: server.addr.port,
    stopAccepting() {
      isShuttingDown = true;
      void server.shutdown();
    },
    async close() {
      // Deno throws when a server that shuts down is aborted as well; live streams have been ended by then.
      if (!isShuttingDown) cut.abort();
      await server.finished;
    },
  };
}
