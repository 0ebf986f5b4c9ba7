import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { assignPartitions, type Member } from "./kafka-assign.ts";

const names = (topic: string, count: number) => Array.from({ length: count }, (_, n) => `${topic}:${n}`);
const member = (id: string, owned: readonly string[] = [], topics: readonly string[] = ["t"]): Member => ({
  id,
  topics,
  owned,
});
const assign = (members: readonly Member[], topics: Record<string, readonly string[]>) =>
  Object.fromEntries(
    [...assignPartitions(members, new Map(Object.entries(topics)))].map(([id, own]) => [id, [...own].sort()]),
  );

describe("partitions of a group", () => {
  it("go to one member alone, and are shared by two that come together", () => {
    const t = names("t", 4);
    assert.deepEqual(assign([member("a")], { t }), { a: t });
    assert.deepEqual(assign([member("b"), member("a")], { t }), { a: ["t:0", "t:2"], b: ["t:1", "t:3"] });
  });

  it("that move are nobody's for a round, and then their next reader's", () => {
    const t = names("t", 4);
    const first = assign([member("a", t), member("b")], { t });
    assert.deepEqual([first.a?.length, first.b], [2, []]);
    const second = assign([member("a", first.a), member("b")], { t });
    assert.deepEqual(second.a, first.a);
    assert.deepEqual(
      second.b,
      t.filter((name) => !first.a?.includes(name)),
    );
  });

  it("of who is gone go to the others at once, who keep theirs", () => {
    const given = assign([member("a", ["t:0"]), member("b", ["t:1"])], { t: names("t", 4) });
    assert.deepEqual(given, { a: ["t:0", "t:2"], b: ["t:1", "t:3"] });
  });

  it("that two say are theirs are given up by both", () => {
    const given = assign([member("a", ["t:0"]), member("b", ["t:0"])], { t: names("t", 2) });
    assert.deepEqual([...(given.a ?? []), ...(given.b ?? [])], ["t:1"]);
  });

  it("go only to members that read their topic, and are given up when the topic is gone", () => {
    const members = [member("a", ["gone:0"], ["t", "gone"]), member("b", [], ["u"])];
    assert.deepEqual(assign(members, { t: names("t", 3), u: names("u", 1) }), { a: names("t", 3), b: ["u:0"] });
    assert.deepEqual(assign([member("a", [], ["u"])], { t: names("t", 1) }), { a: [] });
  });

  it("are, whoever had them: each one's at most, nobody's while its reader must give it up, and level after two rounds", () => {
    const counts = fc.record({ t: fc.integer({ min: 0, max: 12 }), u: fc.integer({ min: 0, max: 5 }) });
    const holders = fc.array(fc.integer({ min: -1, max: 5 }), { minLength: 17, maxLength: 17 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), counts, holders, (size, { t, u }, holder) => {
        const topics = { t: names("t", t), u: names("u", u) };
        const all = [...topics.t, ...topics.u];
        const ids = Array.from({ length: size }, (_, n) => `m${n}`);
        const before = new Map(ids.map((id, n) => [id, all.filter((_, at) => holder[at] === n)]));
        const round = (owned: (id: string) => readonly string[]) =>
          assign(
            ids.map((id) => member(id, owned(id), ["t", "u"])),
            topics,
          );
        const first = round((id) => before.get(id) ?? []);
        for (const [id, given] of Object.entries(first))
          for (const name of given)
            assert.ok(
              [...before].every(([other, owned]) => other === id || !owned.includes(name)),
              `${name} is taken over`,
            );
        const kept = (id: string) => (before.get(id) ?? []).filter((name) => first[id]?.includes(name));
        const fewest = Math.floor(all.length / size);
        for (const id of ids)
          assert.ok(kept(id).length >= Math.min(before.get(id)?.length ?? 0, fewest), "moved for nothing");
        const second = round((id) => first[id] ?? []);
        assert.deepEqual(Object.values(second).flat().sort(), [...all].sort());
        const sizes = Object.values(second).map(({ length }) => length);
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
        assert.deepEqual(
          round((id) => second[id] ?? []),
          second,
          "and stay",
        );
      }),
    );
  });
});
