import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { until } from "../../tests/support/signal.ts";
import { SetupError } from "../model/errors.ts";
import { AwayError, checkAll } from "./away.ts";
import { createOpening } from "./opening.ts";
import { createReopenedSource } from "./reopened-source.ts";
import type { Source } from "./source.ts";

const waits = { startMs: 200, awayMs: 1, awayMsMax: 5, wrongMs: 5 };

/** Each try does the next of these, and the last one from then on. */
function openingOf(...tries: (() => Promise<void>)[]) {
  const said: string[] = [];
  let count = 0;
  const opening = createOpening({
    flow: "f",
    open: () => (tries[Math.min(count++, tries.length - 1)] ?? (async () => {}))(),
    log: {
      warn: (_: object, text: string) => said.push(text),
      info: (_: object, text: string) => said.push(text),
    } as never,
    waits,
  });
  return { opening, said, tries: () => count };
}
const ok = async () => {};
const away = (reason: string) => async () => Promise.reject(new AwayError(reason));
const wrong = (reason: string) => async () => Promise.reject(new SetupError(reason));

describe("the opening of a flow", () => {
  it("is done at its start where all answers", async () => {
    const { opening, said } = openingOf(ok);
    assert.deepEqual(opening.now, { state: "opening", reason: null });
    await opening.start();
    assert.deepEqual(opening.now, { state: "open", reason: null });
    assert.deepEqual(said, []);
  });

  it("throws at its start what is wrong, and does not try again", async () => {
    const { opening, tries } = openingOf(wrong("no table"), ok);
    await assert.rejects(opening.start(), /no table/);
    assert.equal(tries(), 1);
  });

  it("goes on while something is away, says why once, and is open when that is back", async () => {
    const { opening, said, tries } = openingOf(away("refused"), away("refused"), away("starts"), ok);
    await opening.start();
    assert.deepEqual(opening.now, { state: "opening", reason: "refused" });
    await until("open", () => opening.now.state === "open");
    assert.equal(tries(), 4);
    assert.deepEqual(said, ["a flow is not open: it waits", "a flow is not open: it waits", "a flow is open now"]);
  });

  it("says what is wrong where that shows later, and opens once it is mended", async () => {
    const { opening, said } = openingOf(away("refused"), wrong("no table"), ok);
    await opening.start();
    await until("open", () => opening.now.state === "open");
    assert.deepEqual(said, ["a flow is not open: it waits", "a flow is not open: mend it", "a flow is open now"]);
  });

  it("is not waited for where nobody answers in time, and takes an answer that comes later", async () => {
    const slow = Promise.withResolvers<void>();
    const { opening } = openingOf(() => slow.promise);
    await opening.start();
    assert.deepEqual(opening.now, { state: "opening", reason: null });
    slow.resolve();
    await until("open", () => opening.now.state === "open");
  });

  it("that is wrong after the time of a start stops nothing any more", async () => {
    const slow = Promise.withResolvers<void>();
    const { opening } = openingOf(() => slow.promise, wrong("no table"));
    await opening.start();
    slow.reject(new SetupError("no table"));
    await until("failed", () => opening.now.state === "failed");
    opening.stop();
  });

  it("is not tried any more when it is stopped", async () => {
    const { opening, tries } = openingOf(away("refused"));
    await opening.start();
    await until("some tries", () => tries() > 3);
    opening.stop();
    const after = tries();
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.ok(tries() <= after + 1);
  });
});

describe("looking at all that a flow needs", () => {
  it("tells what is wrong rather than what is away, whichever comes first", async () => {
    await checkAll([ok, ok]);
    await assert.rejects(checkAll([ok, away("away")]), AwayError);
    await assert.rejects(checkAll([away("away"), wrong("wrong")]), /wrong/);
    const never = () => new Promise<void>(() => {});
    await assert.rejects(checkAll([never, wrong("wrong")]), /wrong/);
  });
});

describe("a source that is opened again", () => {
  it("is a new one, and the one before is closed", async () => {
    const events: string[] = [];
    let made = 0;
    const create = (): Source => {
      const name = `source ${++made}`;
      return {
        async open() {
          events.push(`${name} opens`);
          if (name === "source 1") throw new AwayError("away");
        },
        pause: () => events.push(`${name} pauses`),
        resume() {},
        async commit() {},
        waiting: () => null,
        async close() {
          events.push(`${name} closes`);
        },
      };
    };
    const source = createReopenedSource(create);
    const listener = { assigned() {}, async revoked() {}, messages() {}, failed() {} };
    await assert.rejects(source.open(listener), AwayError);
    await source.open(listener);
    source.pause("p");
    await source.close();
    assert.deepEqual(events, [
      "source 1 opens",
      "source 1 closes",
      "source 2 opens",
      "source 2 pauses",
      "source 2 closes",
    ]);
  });
});
