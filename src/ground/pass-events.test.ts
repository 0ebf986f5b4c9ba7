import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type PassChange, PassEvents } from "./pass-events.ts";

describe("changes of passes", () => {
  it("are told at once, then at most four times a second for each pass, the newest last", async () => {
    const events = new PassEvents();
    const heard: string[] = [];
    const last = new Promise<void>((resolve) => {
      events.on(({ passId, state }) => {
        heard.push(`${passId} ${state}`);
        if (state === "draining") resolve();
      });
    });
    const change = (passId: string, state: PassChange["state"]) => events.changed({ passId, ship: "s", state });
    change("a", "prepass");
    change("a", "receiving");
    change("b", "receiving");
    for (let i = 0; i < 100; i++) change("a", "receiving");
    change("a", "draining");
    assert.deepEqual(heard, ["a prepass", "b receiving"]);
    await last;
    assert.deepEqual(heard, ["a prepass", "b receiving", "a draining"]);
    events.stop();
  });

  it("are told to nobody after they were left", () => {
    const events = new PassEvents();
    const leave = events.on(() => assert.fail("it has left"));
    leave();
    events.changed({ passId: "a", ship: "s", state: "planned" });
    assert.equal(events.isHeard, false);
  });
});
