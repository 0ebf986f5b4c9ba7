import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { jsonTextOf, parseJson } from "./json.ts";

describe("client JSON", () => {
  it("keeps every digit of numbers that a double cannot hold", () => {
    for (const text of [
      "9223372036854775807",
      "-9223372036854775808",
      "18446744073709551615",
      "1e400",
      "1.00000000000000000001",
    ]) {
      assert.equal(jsonTextOf(parseJson(`{"n":${text}}`)), `{"n":${text}}`);
    }
  });

  it("keeps escapes, lone surrogates, and keys named __proto__", () => {
    const text = String.raw`{"__proto__":{"a":1},"nul":"\u0000","lone":"\ud800","é":"\u00e9"}`;
    const kept = jsonTextOf(parseJson(text));
    assert.deepEqual(JSON.parse(kept ?? ""), JSON.parse(text));
    assert.equal(({} as { a?: number }).a, undefined);
  });

  it("takes an absent value for null", () => {
    assert.equal(jsonTextOf(undefined), null);
    assert.equal(jsonTextOf(null), null);
    assert.equal(jsonTextOf(false), "false");
  });

  it("refuses 100,000 levels at once, and takes 256", () => {
    const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
    assert.throws(() => parseJson(nested(100_000)), /nested deeper than 256/);
    assert.equal(jsonTextOf(parseJson(nested(256))), nested(256));
    // Brackets in strings are not levels.
    assert.doesNotThrow(() => parseJson(JSON.stringify({ a: "[".repeat(1000), b: '\\"['.repeat(500) })));
  });

  it("gives back what it was given", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        assert.deepEqual(JSON.parse(jsonTextOf(parseJson(text)) ?? "null"), JSON.parse(text));
      }),
    );
  });
});
