/** Reads server-sent events (WHATWG HTML, §9.2) from a response's body. */

export interface ServerEvent {
  /** `message` when the server names none. */
  readonly event: string;
  readonly data: string;
  readonly id: string | null;
}

/** A server that sends no line's end for so long is none of ours. */
const pendingCharsMax = 8 * 1024 * 1024;

export async function* readServerEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let pending = "";
  let fields = emptyFields();
  for await (const chunk of body) {
    pending += decoder.decode(chunk, { stream: true });
    if (pending.length > pendingCharsMax) throw new Error("the event stream sends a line without an end");
    const lines = pending.split(/\r\n|\n|\r(?!$)/);
    pending = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== "") {
        takeField(fields, line);
        continue;
      }
      if (fields.data.length > 0)
        yield { event: fields.event || "message", data: fields.data.join("\n"), id: fields.id };
      fields = emptyFields();
    }
  }
}

const emptyFields = () => ({ event: "", data: [] as string[], id: null as string | null });

function takeField(fields: ReturnType<typeof emptyFields>, line: string): void {
  const colon = line.indexOf(":");
  if (colon === 0) return; // a comment
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (name === "event") fields.event = value;
  else if (name === "data") fields.data.push(value);
  else if (name === "id") fields.id = value;
}
