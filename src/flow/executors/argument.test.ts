import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as v from "valibot";
import { parseJson } from "../../model/json.ts";
import { argument, argumentOf, fillArgument, hasPath } from "./argument.ts";

const fill = (text: string, input: unknown) => fillArgument(argumentOf(text), input);

describe("an argument", () => {
  it("takes texts, numbers and booleans from the input, also empty ones and those of lists", () => {
    const input = { ship: { id: "A-1", "no:1": "x" }, orbit: 12.5, ok: false, none: "", list: [{ n: 3 }] };
    assert.equal(fill("--ship={ship.id}", input), "--ship=A-1");
    assert.equal(fill("{orbit}/{ok}/{none}/{list.0.n}/{ship.no:1}", input), "12.5/false//3/x");
    assert.equal(fill("{n}", parseJson('{"n":18446744073709551615}')), "18446744073709551615");
  });

  it("is not interpreted, nor is what is put in", () => {
    assert.equal(fill("{a}", { a: "$(reboot) {b} {{ ; 'x' \n" }), "$(reboot) {b} {{ ; 'x' \n");
    assert.equal(fill("plain $HOME", {}), "plain $HOME");
  });

  it("has braces where they are doubled", () => {
    assert.equal(fill('{{"id":"{id}"}}', { id: 7 }), '{"id":"7"}');
    assert.equal(fill("{{{id}}}", { id: 7 }), "{7}");
    assert.equal(fill("{{id}}", { id: 7 }), "{id}");
    assert.ok(!hasPath(argumentOf("{{id}}")) && hasPath(argumentOf("{{{id}}}")));
  });

  it("needs what it names: own fields only, which an argument can hold", () => {
    for (const input of [null, 5, "x", {}, { a: {} }, { a: { b: null } }, { a: { b: {} } }, { a: { b: [] } }])
      assert.throws(() => fill("{a.b}", input), /^Error: its input has no text, number or boolean at a\.b, which/);
    for (const path of ["constructor", "__proto__", "toString.name", "constructor.name"])
      assert.throws(() => fill(`{${path}}`, {}), /its input has no text/);
    for (const bad of ["a\0b", "\ud800"])
      assert.throws(() => fill("{a}", { a: bad }), /^Error: its input has text at a that no argument can hold$/);
  });

  it("is refused where braces are of no path, so that those of a script are found at the start", () => {
    for (const bad of ["{", "}", "{}", "{a", "a}", "{a.}", "{.a}", "{a..b}", "{{a}", "{print $1}", '{"a":1}', "a\0"])
      assert.ok(!v.is(argument, bad), bad);
    for (const good of ["", "{a}", "{a.b-c.0}", "{{", "{{print $1}}", "{größe}"]) assert.ok(v.is(argument, good), good);
  });
});
