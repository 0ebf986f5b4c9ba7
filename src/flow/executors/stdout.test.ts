import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { outputOf } from "./stdout.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const json = (text: string) => outputOf("json", bytes(text));

describe("stdout", () => {
  it("as JSON is one value, in as many lines as it likes, or none", () => {
    assert.deepEqual(json('{\n "a": [1,\n 2]\n}\n'), { a: [1, 2] });
    assert.deepEqual([json("42"), json("null\n"), json('"x"'), json(" \n\r\n"), json("")], [42, null, "x", null, null]);
    assert.equal(JSON.stringify(json("[18446744073709551615]")), "[18446744073709551615]");
  });

  it("as JSON is the last line that is an object or a list, when there is more", () => {
    assert.deepEqual(json('starting\n{"a":1}\r\n{"a":2}\ndone\n{broken\n'), { a: 2 });
    assert.deepEqual(json("[1]\n[2]"), [2]);
    assert.deepEqual(json('\n\n{"a":1}\n\nx'), { a: 1 });
    assert.throws(
      () => json("starting\n42\n"),
      /^Error: its stdout is not JSON, and has no line that is a JSON object/,
    );
  });

  it("as JSON is not a part of a value that is written in several lines after a word", () => {
    assert.throws(() => json('starting\n[\n  1,\n  {"a":1}\n]\n'), /is not JSON/);
  });

  it("as lines is a list of values, and names the first line that is none", () => {
    assert.deepEqual(outputOf("lines", bytes('{"a":1}\n\n2\r\n  \nnull')), [{ a: 1 }, 2, null]);
    assert.deepEqual(outputOf("lines", bytes("")), []);
    assert.throws(() => outputOf("lines", bytes("1\n\nsecret\n2")), /^Error: line 3 of its stdout is not JSON$/);
  });

  it("as text is kept as it is", () => {
    assert.equal(outputOf("text", bytes("\ufeffa\r\n é\n")), "\ufeffa\r\n é\n");
    assert.equal(outputOf("text", Uint8Array.of(97, 0xff, 98)), "a\ufffdb");
  });

  it("is refused as JSON or lines when it is not UTF-8 or too deep", () => {
    for (const kind of ["json", "lines"] as const) {
      assert.throws(() => outputOf(kind, Uint8Array.of(0x22, 0xff, 0x22)), /^Error: its stdout is not UTF-8$/);
      assert.throws(() => outputOf(kind, bytes("[".repeat(100_000))), /is not JSON/);
    }
  });

  it("does not keep the event loop for long, however many lines it has", () => {
    assert.deepEqual(json(`{"a":1}\n${"{\n".repeat(999)}`), { a: 1 });
    assert.throws(() => json(`{"a":1}\n${"{\n".repeat(1_000)}`), /is not JSON/);
    assert.deepEqual(outputOf("lines", bytes("\n".repeat(1_000_000))), []);
  });
});
