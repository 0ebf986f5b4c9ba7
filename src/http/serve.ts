/** Listens for HTTP: one way for Bun, one for Deno. Body limits are the application's, so that a refusal is a problem+json. */
import { SetupError } from "../model/errors.ts";
import { type Bindings, messageBytesMax, type Socket, type SocketListener } from "./sockets.ts";

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
  readonly fetch: (request: Request, bindings: Bindings) => Response | Promise<Response>;
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
  upgradeWebSocket(request: Request): { socket: WebSocket; response: Response };
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

/** What a route answers to a request that has become a WebSocket: nobody sees it, but the log does. */
const standIn = (): Response => new Response(null, { status: 204 });

function serveByBun({ host, port, fetch }: ServeOptions): Server {
  const bindings: Bindings = {
    upgrade: (request, listener) => (server.upgrade(request, { data: { listener } }) ? standIn() : null),
  };
  const server = Bun.serve<{ readonly listener: SocketListener }>({
    hostname: host,
    port,
    fetch: (request) => fetch(request, bindings),
    websocket: {
      maxPayloadLength: messageBytesMax,
      open(ws) {
        const socket: Socket = {
          send: (text) => void ws.send(text),
          get waitingBytes() {
            return ws.getBufferedAmount();
          },
          close: (code, reason) => ws.close(code, reason),
        };
        ws.data.listener.opened(socket);
      },
      message(ws, message) {
        if (typeof message === "string") ws.data.listener.said(message);
        else ws.close(1003, "text is needed");
      },
      close: (ws) => ws.data.listener.closed(),
    },
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
    async (request) => {
      // Deno wants back the very answer that it gave, with which no route may do anything.
      let upgraded: Response | null = null;
      const answer = await fetch(request, {
        upgrade(asked, listener) {
          upgraded = upgradeByDeno(deno, asked, listener);
          return upgraded === null ? null : standIn();
        },
      });
      return upgraded ?? answer;
    },
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

function upgradeByDeno(deno: DenoRuntime, request: Request, listener: SocketListener): Response | null {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") return null;
  const { socket: ws, response } = deno.upgradeWebSocket(request);
  const socket: Socket = {
    send(text) {
      if (ws.readyState === WebSocket.OPEN) ws.send(text);
    },
    get waitingBytes() {
      return ws.bufferedAmount;
    },
    close: (code, reason) => ws.close(code, reason),
  };
  ws.onopen = () => listener.opened(socket);
  ws.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (typeof data !== "string") ws.close(1003, "text is needed");
    else if (data.length > messageBytesMax) ws.close(1009, "the message is too long");
    else listener.said(data);
  };
  ws.onclose = () => listener.closed();
  return response;
}
