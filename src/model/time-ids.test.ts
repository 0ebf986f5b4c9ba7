/** Ids in order. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { firstTimeUuid, parseUuid } from "./ids.ts";
import { createTimeIds } from "./time-ids.ts";

describe("ids by time", () => {
  it("are version 7 uuids that grow, however many come in one millisecond, and when the clock goes back", () => {
    let nowMs = 1_700_000_000_000;
    const next = createTimeIds(() => nowMs);
    const ids: string[] = [];
    for (let i = 0; i < 10_000; i++) ids.push(next());
    nowMs -= 5_000;
    ids.push(next());
    assert.deepEqual([...ids].sort(), ids);
    assert.equal(new Set(ids).size, ids.length);
    for (const id of [ids[0] ?? "", ids[4096] ?? "", ids.at(-1) ?? ""]) {
      assert.equal(parseUuid(id), id);
      assert.match(id, /^.{14}7.{3}-[89ab]/);
    }
    assert.ok((ids[0] ?? "") >= firstTimeUuid(1_700_000_000_000));
    assert.ok((ids[9_999] ?? "") < firstTimeUuid(1_700_000_000_003));
  });
});
