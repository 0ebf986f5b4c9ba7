import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseJson } from "../model/json.ts";
import { parseExpression } from "./expression.ts";

const values = {
  params: { day: "2026-01-31", limit: 3, dry: false, tags: ["a", "b"], big: parseJson("18446744073709551615") },
  parents: { count: { rows: 12, by: { "north-west": 5 }, list: [1, 2] }, empty: null },
};
const isTrue = (text: string) => parseExpression(text).isTrue(values);
const refusal = (text: string) => {
  try {
    parseExpression(text);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return assert.fail(`${text} was taken`);
};

describe("an expression", () => {
  for (const [text, expected] of [
    ["parents.count.rows > params.limit", true],
    ["parents.count.rows > 12", false],
    ["parents.count.rows >= 12 and not params.dry", true],
    ["params.dry or parents.count.rows == 12", true],
    ["params.dry || parents.count.rows != 12", false],
    ["!params.dry && params.day == '2026-01-31'", true],
    ['"a" in params.tags', true],
    ["'c' in params.tags", false],
    ["params.day in ['2026-01-30', '2026-01-31']", true],
    ["'2026' in params.day", true],
    ["params.day < '2026-02-01'", true],
    ["params.limit < '4'", false],
    ["parents.count.by['north-west'] == 5", true],
    ["parents.count.by.north-west == 5", true],
    ["parents.count.list[1] == 2", true],
    ["len(parents.count.list) == 2 and len(params.day) == 10", true],
    ["exists(parents.count.rows)", true],
    ["exists(parents.count.nothing.at.all)", false],
    ["parents.empty", false],
    ["parents.empty == null", true],
    ["params.nothing", false],
    ["params.toString", false],
    ["params.__proto__", false],
    ["params.big > 1e19", true],
    ["params.tags == ['a', 'b']", true],
    ["not (true and false) and (1 < 2)", true],
    ["-1 < 0", true],
    ["{{ params.limit == 3 }}", true],
  ] as const) {
    it(`${text} is ${expected}`, () => assert.equal(isTrue(text), expected));
  }

  it("says which names it asks for", () => {
    assert.deepEqual(parseExpression("parents.a.x > params.y and exists(parents.b)").names, [
      { scope: "parents", name: "a" },
      { scope: "params", name: "y" },
      { scope: "parents", name: "b" },
    ]);
  });

  it("is refused where it is no expression", () => {
    assert.match(refusal("process.exit()"), /"process" at character 1 is unknown/);
    assert.match(refusal("params"), /needs a name/);
    assert.match(refusal("params.a ="), /"=" at character 10 is not understood/);
    assert.match(refusal("params.a =="), /ends where a value is needed/);
    assert.match(refusal("(params.a"), /ends where "\)" is needed/);
    assert.match(refusal("params.a params.b"), /"params" at character 10 is not expected/);
    assert.match(refusal("(".repeat(100)), /nested deeper/);
    assert.match(refusal("1".repeat(5000)), /at most 4096/);
    assert.match(refusal(""), /ends where a value is needed/);
  });

  it("never does anything but answer or refuse", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."params.parents()[]!<>=&|'\"1 ,andornotinlen") }), (text) => {
        let parsed: ReturnType<typeof parseExpression>;
        try {
          parsed = parseExpression(text);
        } catch (error) {
          assert.ok(error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError));
          return;
        }
        assert.equal(typeof parsed.isTrue(values), "boolean");
      }),
      { numRuns: 500 },
    );
  });
});
