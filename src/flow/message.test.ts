import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { flowOf, idempotencyKey } from "./message.ts";

describe("the key of what came of a message", () => {
  it("is flow, partition, id and index", () => {
    assert.equal(idempotencyKey({ flow: "mail", partition: "a/b.jsonl", id: "7" }, "0.2"), "mail:a%2Fb.jsonl:7:0.2");
  });

  it("tells its flow", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (flow) =>
        assert.equal(flowOf(idempotencyKey({ flow, partition: "p", id: "7" }, "0")), flow),
      ),
    );
  });

  it("differs wherever one of the four does, also with colons in the names", () => {
    const name = fc.string({ unit: fc.constantFrom(":", "%", "3", "A", "0") });
    const parts = fc.tuple(name, name, name, fc.nat(3));
    const keyOf = ([flow, partition, id, index]: [string, string, string, number]) =>
      idempotencyKey({ flow, partition, id }, String(index));
    fc.assert(
      fc.property(parts, parts, (one, other) =>
        assert.equal(keyOf(one) === keyOf(other), JSON.stringify(one) === JSON.stringify(other)),
      ),
    );
  });
});
