/**
 * The body of server-sent events (WHATWG HTML, §9.2) that writes only what its listener has room for: what is to be said is asked
 * for when the listener has taken what there was. Whoever answers keeps what is new until then, and so decides what its bound is.
 */

/** The answer whose body it is, which nobody in between may keep or gather. */
export const eventStreamAnswer = (body: ReadableStream<Uint8Array<ArrayBuffer>>): Response =>
  new Response(body, {
    headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no" },
  });

export interface SseBody {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** There is something new: it is asked for now, or once there is room. */
  flush(): void;
  close(): void;
}

export interface SseSource {
  /** What there is to say now, as it goes over the wire; "" for nothing. */
  take(): string;
  /** Once, whoever ended it. */
  onClosed(): void;
}

export function openSseBody({ take, onClosed }: SseSource): SseBody {
  const encoder = new TextEncoder();
  let isClosed = false;
  let asking: (() => void) | null = null;
  let controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | null = null;

  function flush(): void {
    if (asking === null || controller === null) return;
    const text = take();
    if (text === "") return;
    controller.enqueue(encoder.encode(text));
    asking();
    asking = null;
  }

  function end(): void {
    if (isClosed) return;
    isClosed = true;
    asking?.();
    asking = null;
    onClosed();
  }

  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(given) {
      controller = given;
      given.enqueue(encoder.encode("retry: 1000\n\n"));
    },
    // Called when the listener took what there was: the promise holds until there is more.
    pull() {
      return new Promise<void>((resolve) => {
        asking = resolve;
        flush();
      });
    },
    cancel: end,
  });

  return {
    body,
    flush,
    close() {
      if (isClosed) return;
      end();
      try {
        controller?.close();
      } catch {
        // the listener went away first
      }
    },
  };
}
