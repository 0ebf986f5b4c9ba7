/** Reads server-sent events as a browser would, one at a time. */
export interface ServerEvent {
  readonly id: string;
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into events of any shape
  readonly data: any;
}

export class EventReader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  private constructor(reader: ReadableStreamDefaultReader<string>) {
    this.#reader = reader;
  }

  /** Resolves when the stream has begun: from then on nothing is missed. */
  static async open(url: string, lastEventId?: string): Promise<EventReader> {
    const headers = lastEventId === undefined ? {} : { "Last-Event-ID": lastEventId };
    return EventReader.of(await fetch(url, { headers }));
  }

  static async of(response: Response): Promise<EventReader> {
    if (response.status !== 200 || response.body === null) throw new Error(`It answered ${response.status}`);
    const decoder = new TextDecoderStream();
    // The decoder takes any bytes; the stream's type names its own kind of buffer.
    response.body.pipeTo(decoder.writable as WritableStream<Uint8Array>).catch(() => {}); // cut by close()
    const events = new EventReader(decoder.readable.getReader());
    await events.#block(); // "retry: …" comes first
    return events;
  }

  /** The next event; comments are passed over. */
  async next(): Promise<ServerEvent> {
    for (;;) {
      const block = await this.#block();
      if (block === null) throw new Error("The stream ended where an event was expected");
      const fields = new Map(block.split("\n").map((line): [string, string] => splitField(line)));
      const data = fields.get("data");
      if (data !== undefined)
        return { id: fields.get("id") ?? "", name: fields.get("event") ?? "", data: JSON.parse(data) };
    }
  }

  /** Resolves when the server ends the stream. */
  async ended(): Promise<void> {
    while ((await this.#block()) !== null);
  }

  async close(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }

  async #block(): Promise<string | null> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return block;
      }
      const { done, value } = await this.#reader.read().catch(() => ({ done: true, value: undefined }));
      if (done) return null;
      this.#text += value ?? "";
    }
  }
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(": ");
  return [line.slice(0, colon), line.slice(colon + 2)];
}
