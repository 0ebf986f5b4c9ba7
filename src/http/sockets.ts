/** WebSockets (RFC 6455) as routes see them: `serve.ts` makes them, by whatever the runtime has. */

export interface Socket {
  send(text: string): void;
  /** Octets that the other side has not taken yet. */
  readonly waitingBytes: number;
  close(code: number, reason: string): void;
}

export interface SocketListener {
  opened(socket: Socket): void;
  /** A text message of at most 4 KiB; a larger one, or a binary one, ends the socket. */
  said(text: string): void;
  /** Once, whoever ended it. */
  closed(): void;
}

/** What a request comes with beside itself. */
export interface Bindings {
  /** Makes a WebSocket of the request and gives the answer to return. Null: it does not ask for one. */
  upgrade(request: Request, listener: SocketListener): Response | null;
}

export const messageBytesMax = 4096;
