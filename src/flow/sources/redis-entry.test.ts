import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { contentOf } from "./redis-entry.ts";

const bytes = (...texts: readonly string[]) => texts.map((text) => Buffer.from(text));
const shape = { field: "payload", keyField: "k" };

describe("an entry of a Redis stream", () => {
  it("has the bytes of its field for a value, and the text of another for a key", () => {
    const { value, key } = contentOf("1-0", bytes("k", "a", "payload", "{}", "k", "b", "other", "x"), shape);
    assert.deepEqual([value, key], [Buffer.from("{}"), "b"]);
    assert.equal(contentOf("1-0", bytes("k", "a"), { ...shape, keyField: null }).key, null);
    assert.equal(contentOf("1-0", bytes("payload", ""), shape).value.length, 0);
  });

  it("is all its fields as a JSON object when it has no such field, whatever their names", () => {
    const { value } = contentOf("1-0", bytes("__proto__", "x", "", "y", "constructor", "\0"), shape);
    assert.equal(value, '{"__proto__":"x","":"y","constructor":"\\u0000"}');
    assert.equal(contentOf("1-0", [], shape).value, "{}");
  });

  it("was made when its id says, unless that cannot be a time", () => {
    const nowMs = Date.now();
    assert.equal(contentOf(`${nowMs - 5_000}-3`, [], shape).timestampMs, nowMs - 5_000);
    for (const id of ["0-1", "17-0", `${nowMs + 900_000_000}-0`, "18446744073709551615-18446744073709551615"]) {
      const { timestampMs } = contentOf(id, [], shape);
      assert.ok(timestampMs >= nowMs && timestampMs < nowMs + 60_000, id);
    }
  });
});
