import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from "./kafka-protocol.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("what members of a group tell each other", () => {
  it("is Kafka's own subscription, version 1", () => {
    const bytes = hex("0001 00000001 0001 74 ffffffff 00000001 0001 74 00000002 00000000 00000003");
    const subscription = { topics: ["t"], owned: new Map([["t", [0, 3]]]) };
    assert.deepEqual(encodeSubscription(subscription), bytes);
    assert.deepEqual(decodeSubscription(bytes), subscription);
  });

  it("is read also from a member of another version", () => {
    assert.deepEqual(decodeSubscription(hex("0000 00000001 0001 74 00000000")), { topics: ["t"], owned: new Map() });
    const third = hex("0003 00000001 0001 74 00000000 00000001 0001 74 00000001 00000002 00000007 ffff");
    assert.deepEqual(decodeSubscription(third), { topics: ["t"], owned: new Map([["t", [2]]]) });
  });

  it("is Kafka's own assignment, which may be empty", () => {
    const bytes = hex("0000 00000001 0001 74 00000001 00000002 00000000");
    assert.deepEqual(encodeAssignment(new Map([["t", [2]]])), bytes);
    assert.deepEqual(decodeAssignment(bytes), new Map([["t", [2]]]));
    assert.deepEqual(decodeAssignment(Buffer.alloc(0)), new Map());
  });
});
