import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as v from "valibot";
import { parseJson } from "../../model/json.ts";
import { keyOf, keyTemplate } from "./template.ts";

describe("a key's template", () => {
  it("is filled with the texts, numbers and booleans at its paths", () => {
    const payload = { ship: "Aurora 7", orbit: { number: 17, day: false }, list: [{ id: "a" }] };
    assert.deepEqual(keyOf("ship:{ship}:{orbit.number}:{orbit.day}:{list.0.id}", payload), {
      key: "ship:Aurora 7:17:false:a",
    });
    assert.deepEqual(keyOf("fixed", null), { key: "fixed" });
  });

  it("keeps every digit of a number that a double cannot hold", () => {
    assert.deepEqual(keyOf("{id}", parseJson('{"id": 12345678901234567890}')), { key: "12345678901234567890" });
  });

  it("takes a value as it is: braces and dollar signs in it mean nothing", () => {
    assert.deepEqual(keyOf("{a}:{b}", { a: "{b}", b: "$&$1" }), { key: "{b}:$&$1" });
  });

  it("has no key for a payload that lacks a path, or has nothing usable there, and shows no value", () => {
    const odd: unknown[] = [null, undefined, {}, [], "", Number.NaN, "\ud800", { rawJSON: "1" }, () => 1];
    for (const [index, ship] of odd.entries()) {
      const found = keyOf("ship:{ship}", { ship });
      assert.ok("flaw" in found && /no text, number or boolean at ship/.test(found.flaw), `the odd value ${index}`);
    }
    for (const payload of [{}, null, "text", 7, []]) assert.ok("flaw" in keyOf("{ship}", payload));
    const cycle: Record<string, unknown> = {};
    cycle.ship = cycle;
    assert.ok("flaw" in keyOf("{ship}", cycle));
  });

  it("sees own fields only", () => {
    for (const path of ["constructor.name", "__proto__.length", "ship.length", "toString.name"])
      assert.ok("flaw" in keyOf(`{${path}}`, { ship: "a" }), path);
  });

  it("has a bound", () => {
    assert.ok("flaw" in keyOf("{ship}", { ship: "a".repeat(1025) }));
  });

  it("is refused when its braces are not around a path", () => {
    for (const template of ["", "{}", "{a..b}", "{.a}", "{a", "a}", "{{a}}", "{a}}"])
      assert.ok(!v.is(keyTemplate, template), template);
    for (const template of ["a", "{a}", "ship:{ship.name}:{orbit-number}"]) assert.ok(v.is(keyTemplate, template));
  });
});
