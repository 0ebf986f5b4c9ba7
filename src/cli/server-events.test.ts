/** Server-sent events, however the bytes are cut. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readServerEvents } from "./server-events.ts";

async function read(chunks: readonly string[]) {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
      controller.close();
    },
  });
  return await Array.fromAsync(readServerEvents(body));
}

describe("readServerEvents", () => {
  const text = 'retry: 1000\n\n: here\n\nid: 7\nevent: line\ndata: {"a":1}\ndata: two\n\ndata:x\r\n\r\nevent: none\n\n';
  const events = [
    { event: "line", data: '{"a":1}\ntwo', id: "7" },
    { event: "message", data: "x", id: null },
  ];

  it("joins data lines, and passes over comments and events without data", async () => {
    assert.deepEqual(await read([text]), events);
  });

  it("reads the same when every byte comes alone", async () => {
    assert.deepEqual(await read([...text]), events);
  });
});
