import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Silence } from "./silence.ts";

function given(maxMs = 1000) {
  let count = 0;
  const silence = new Silence([{ subject: "power", maxMs, count: () => count }]);
  return {
    silence,
    hear: () => {
      count += 1;
    },
    at: (nowMs: number, isListening = true) => silence.look(nowMs, isListening).map(({ isSilent }) => isSilent),
  };
}

describe("silence", () => {
  it("counts from when somebody could be heard, and is over with the next packet", () => {
    const { hear, at } = given();
    assert.deepEqual(at(50_000, false), []);
    assert.deepEqual(at(60_000), []);
    assert.deepEqual(at(60_999), []);
    assert.deepEqual(at(61_000), [true]);
    assert.deepEqual(at(65_000), []);
    hear();
    assert.deepEqual(at(65_100), [false]);
    assert.deepEqual(at(66_099), []);
    assert.deepEqual(at(66_100), [true]);
  });

  it("is none while packets come in time", () => {
    const { hear, at } = given();
    for (let ms = 0; ms < 10_000; ms += 900) {
      hear();
      assert.deepEqual(at(ms), []);
    }
  });

  it("does not grow while nobody listens, and is not over for that", () => {
    const { hear, at } = given();
    assert.deepEqual([at(0), at(900), at(950, false), at(5000, false), at(6000), at(6900)].flat(), []);
    assert.deepEqual(at(7000), [true]);
    assert.deepEqual([at(7100, false), at(9000)].flat(), []);
    hear();
    assert.deepEqual(at(9100), [false]);
  });

  it("that was an alarm before is over with the next packet", () => {
    const { silence, hear, at } = given();
    silence.resume("power");
    silence.resume("unknown");
    assert.deepEqual([at(0), at(5000)].flat(), []);
    hear();
    assert.deepEqual(at(5100), [false]);
  });
});
