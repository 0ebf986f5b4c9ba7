/** Pretty JSON: the same value, the same digits, the usual indentation. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { prettyJson } from "./pretty-json.ts";

describe("prettyJson", () => {
  it("indents as JSON.stringify does", () => {
    const values = [
      null,
      1,
      "a",
      [],
      {},
      [[]],
      { a: [] },
      { a: 1, b: [1, { c: {} }, "x,y:{}[]"], d: 'q"\\' },
      ["\\", '\\"'],
    ];
    for (const value of values) assert.equal(prettyJson(JSON.stringify(value)), JSON.stringify(value, null, 2));
  });
  it("drops the spaces that the text came with, but none inside a string", () => {
    assert.equal(
      prettyJson('{ "a" : [ ] ,\n"b":[ 1 , " , " ] }'),
      '{\n  "a": [],\n  "b": [\n    1,\n    " , "\n  ]\n}',
    );
  });
  it("keeps every digit of a 64-bit integer", () => {
    assert.equal(prettyJson("[18446744073709551615]"), "[\n  18446744073709551615\n]");
  });
  it("indents deeper than any parser would go", () => {
    const deep = `${"[".repeat(2000)}1${"]".repeat(2000)}`;
    assert.equal(prettyJson(deep).replaceAll(/\s/g, ""), deep);
  });
});
