/** Live parts of pages: made once a second for all who look, sent when they say something else, and not made at all for nobody. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { instantOf, systemClock } from "../src/model/clock.ts";
import type { Caller } from "../src/model/service.ts";
import { createLog } from "../src/observe/log.ts";
import { timeMarkup } from "../src/ui/markup.ts";
import { createLiveParts } from "../src/ui/part-stream.ts";
import { EventReader } from "./support/events.ts";
import { until } from "./support/signal.ts";

const closing = new AbortController();
after(() => closing.abort());

function openPart() {
  let nowMs = 1_000_000;
  let viewer: Caller | null = null;
  const made: string[] = [];
  const state = { said: "one", fails: false };
  const lookOf = async () => ({ nowMs, viewer, path: "/component/x?q=1" });
  const parts = { clock: systemClock, log: createLog("silent"), closing: closing.signal };
  const app = createLiveParts(parts, lookOf, () => {
    nowMs += 60_000;
    return nowMs;
  }).routes("/component/x", async (c) =>
    c.req.query("none") !== undefined
      ? null
      : async (look) => {
          made.push(`${look.path} ${look.viewer?.service}`);
          if (state.fails) throw new Error("the store is away");
          return `<b>${state.said}</b>${timeMarkup(instantOf(0), look.nowMs)}`;
        },
  );
  const listen = async () =>
    EventReader.of(await app.request("/component/x?q=1", { headers: { Accept: "text/event-stream" } }));
  return {
    ...{ app, made, state, listen },
    seenAs(service: string) {
      viewer = { service, roles: [] };
    },
  };
}

describe("a live part", () => {
  it("is a fragment for who asks once, of the page that it belongs to, and the 404 page where there is none", async () => {
    const { app, made } = openPart();
    const answer = await app.request("/component/x?q=1");
    assert.match(await answer.text(), /^<div id="part"><b>one<\/b><time /);
    assert.deepEqual(made, ["/x?q=1 undefined"]);
    assert.equal((await app.request("/component/x?none=1")).status, 404);
  });

  it("is sent at once, again when it says something else, and is made once for all who look", async () => {
    const { made, state, listen } = openPart();
    const [one, other] = [await listen(), await listen()];
    for (const reader of [one, other]) assert.match((await reader.next()).data.html, /<b>one<\/b>/);
    await until("it was looked at again", () => made.length >= 3);
    state.said = "two";
    // Relative times alone are no news: nothing came in between.
    for (const reader of [one, other]) assert.match((await reader.next()).data.html, /<b>two<\/b>/);
    const before = made.length;
    state.fails = true;
    await until("it could not be made", () => made.length > before);
    state.fails = false;
    state.said = "three";
    assert.match((await one.next()).data.html, /<b>three<\/b>/);
    await Promise.all([one.close(), other.close()]);
    const last = made.length;
    await new Promise((resolve) => setTimeout(resolve, 2500));
    assert.ok(made.length <= last + 1, "it is made though nobody looks");
  });

  it("is another one for another viewer", async () => {
    const { made, listen, seenAs } = openPart();
    const stranger = await listen();
    seenAs("operator");
    const operator = await listen();
    await Promise.all([stranger.next(), operator.next()]);
    assert.deepEqual([...new Set(made)].sort(), ["/x?q=1 operator", "/x?q=1 undefined"]);
    await Promise.all([stranger.close(), operator.close()]);
  });
});
