import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerOf } from "./warm-answer.ts";

const answer = (line: string) => answerOf(new TextEncoder().encode(line), "k");

describe("a line of a warm process", () => {
  it("is an answer when it has an output or an error, and names no other task", () => {
    assert.deepEqual(answer('{"output":{"n":1}}'), { output: { n: 1 } });
    assert.deepEqual(answer('{"output":null,"key":"k","took":3}\r'), { output: null });
    assert.deepEqual(answer('{"error":"no such ship"}'), { error: "no such ship" });
    assert.deepEqual(answer('{"error":{"code":3}}'), { error: '{"code":3}' });
  });

  it("is none otherwise", () => {
    for (const line of [
      "",
      "starting",
      "null",
      "[]",
      "{}",
      '"x"',
      '{"output":1,"error":"x"}',
      '{"output":1,"key":"j"}',
    ])
      assert.equal(answer(line), null, line);
    assert.equal(answerOf(Uint8Array.of(0x7b, 0xff), "k"), null);
    assert.equal(answer(`{"__proto__":{"output":1}}`), null);
  });
});
