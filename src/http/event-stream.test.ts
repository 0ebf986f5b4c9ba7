/** A listener that does not read: its events are folded, and bounded. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openEventStream } from "./event-stream.ts";
import type { PlanEvent } from "./live.ts";

const planEvent = (datasetId: string, products: string[] | null): PlanEvent => ({
  type: "plan",
  datasetId,
  revision: 1,
  at: null,
  service: null,
  cause: null,
  redefined: false,
  products: products === null ? null : new Map(products.map((id) => [id, "running" as const])),
});

/** Everything that is waiting, read at once. */
async function read(body: ReadableStream<Uint8Array>): Promise<string[]> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let chunks = 0; chunks < 2; chunks++) text += decoder.decode((await reader.read()).value);
  reader.releaseLock();
  return text.split("\n\n").filter((block) => block !== "");
}

describe("a stream of events", () => {
  it("folds what happens to one plan while nobody reads into one event with the newest id", async () => {
    const stream = openEventStream(() => {});
    stream.push(planEvent("d1", ["a"]), "r.1");
    stream.push(planEvent("d2", ["x"]), "r.2");
    stream.push(planEvent("d1", ["b"]), "r.3");
    const [retry, ...events] = await read(stream.body);
    assert.equal(retry, "retry: 1000");
    assert.deepEqual(
      events.map((event) => event.split("\n")[0]),
      ["id: r.2", "id: r.3"],
    );
    assert.match(events[1] ?? "", /"id":"a".*"id":"b"/);
  });

  it("names no products any more once one of the folded events does not know them", async () => {
    const stream = openEventStream(() => {});
    stream.push(planEvent("d1", ["a"]), "r.1");
    stream.push(planEvent("d1", null), "r.2");
    stream.push(planEvent("d1", ["b"]), "r.3");
    assert.match((await read(stream.body))[1] ?? "", /"products":null/);
  });

  it("drops the oldest of more than 1,000 plans, and says so first", async () => {
    const stream = openEventStream(() => {});
    for (let n = 0; n < 1500; n++) stream.push(planEvent(`d${n}`, []), `r.${n}`);
    const [, missed, first, ...others] = await read(stream.body);
    assert.equal(missed, "event: missed\ndata: {}");
    assert.match(first ?? "", /^id: r\.500\n/);
    assert.equal(others.length, 999);
  });

  it("tells once when it ends, whoever ends it", async () => {
    let ends = 0;
    const count = (): void => {
      ends += 1;
    };
    const left = openEventStream(count);
    await left.body.cancel();
    left.close();
    const closed = openEventStream(count);
    closed.close();
    closed.close();
    closed.push(planEvent("d1", []), "r.1");
    assert.equal(ends, 2);
  });
});
