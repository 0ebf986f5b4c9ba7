import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { brokenRule } from "./json-schema.ts";
import { schemaFlaw, schemaLengthMax } from "./json-schema-flaw.ts";

const broken = (schema: unknown, value: unknown): string | null =>
  brokenRule(JSON.stringify(schema), value === undefined ? null : JSON.stringify(value));

describe("a check", () => {
  const cases: [string, unknown, unknown[], [unknown, string][]][] = [
    [
      "type",
      { type: "object" },
      [{}],
      [
        [[], "it must be object"],
        [null, "it must be object"],
        [undefined, "it must be object"],
      ],
    ],
    [
      "types",
      { type: ["integer", "null"] },
      [1, -0, 1e3, null],
      [
        [1.5, "it must be integer or null"],
        ["1", "it must be integer or null"],
      ],
    ],
    [
      "enum",
      { enum: [1, { a: [2] }] },
      [1, { a: [2] }],
      [
        [2, 'it must be one of [1,{"a":[2]}]'],
        [{ a: [2], b: 1 }, 'it must be one of [1,{"a":[2]}]'],
      ],
    ],
    ["const", { const: "ok" }, ["ok"], [["OK", 'it must be "ok"']]],
    ["minimum", { minimum: 1 }, [1, "none"], [[0, "it must be at least 1"]]],
    ["maximum", { maximum: 1 }, [1], [[1.1, "it must be at most 1"]]],
    [
      "exclusive bounds",
      { exclusiveMinimum: 0, exclusiveMaximum: 1 },
      [0.5],
      [
        [0, "it must be more than 0"],
        [1, "it must be less than 1"],
      ],
    ],
    [
      "lengths",
      { minLength: 1, maxLength: 2 },
      ["a", "🛰️".slice(0, 2), 5],
      [
        ["", "it must have 1 characters or more"],
        ["abc", "it must have at most 2 characters"],
      ],
    ],
    [
      "required",
      { required: ["rows"] },
      [{ rows: null }, []],
      [
        [{}, "rows is missing"],
        [{ Rows: 1 }, "rows is missing"],
      ],
    ],
    [
      "properties",
      { properties: { rows: { minimum: 1 } } },
      [{}, { rows: 1 }],
      [[{ rows: 0 }, "rows must be at least 1"]],
    ],
    [
      "no others",
      { properties: { a: true }, additionalProperties: false },
      [{ a: 1 }, {}],
      [[{ b: 1 }, "b may not be there"]],
    ],
    [
      "member counts",
      { minProperties: 1, maxProperties: 1 },
      [{ a: 1 }],
      [
        [{}, "it must have 1 members or more"],
        [{ a: 1, b: 2 }, "it must have at most 1 members"],
      ],
    ],
    [
      "items",
      { items: { type: "string" }, minItems: 1, maxItems: 2 },
      [["a"]],
      [
        [["a", 1], "1 must be string"],
        [[], "it must have 1 items or more"],
        [["a", "b", "c"], "it must have at most 2 items"],
      ],
    ],
    ["contains", { contains: { const: 1 } }, [[0, 1]], [[[0], "it lacks an item that fits"]]],
    ["allOf", { allOf: [{ minimum: 1 }, { maximum: 2 }] }, [1, 2], [[3, "it must be at most 2"]]],
    ["anyOf", { anyOf: [{ type: "null" }, { minimum: 1 }] }, [null, 1], [[0, "it fits none of anyOf"]]],
    ["oneOf", { oneOf: [{ minimum: 1 }, { maximum: 1 }] }, [0, 2], [[1, "it fits 2 of oneOf, not one"]]],
    ["not", { not: { const: "bad" } }, ["good"], [["bad", "it is what it must not be"]]],
    ["false", false, [], [[1, "it may not be there"]]],
    [
      "names of every object",
      { properties: { __proto__: false }, required: ["toString"] },
      [],
      [[{}, "toString is missing"]],
    ],
  ];
  for (const [name, schema, good, bad] of cases) {
    it(`by ${name} lets through what fits and says why of what does not`, () => {
      for (const value of good) assert.equal(broken(schema, value), null, JSON.stringify(value));
      for (const [value, why] of bad) assert.equal(broken(schema, value), why, JSON.stringify(value));
    });
  }

  it("names the place within", () => {
    const schema = { properties: { files: { items: { properties: { bytes: { minimum: 1 } }, required: ["bytes"] } } } };
    assert.equal(broken(schema, { files: [{ bytes: 3 }, { bytes: 0 }] }), "files.1.bytes must be at least 1");
    assert.equal(broken(schema, { files: [{}] }), "files.0.bytes is missing");
  });

  it("ends on every value, whatever the schema, and never throws", () => {
    fc.assert(
      fc.property(fc.json(), fc.json(), (schema, value) => {
        const why = brokenRule(schema, value);
        return why === null || why.length > 0;
      }),
    );
  });

  it("is given up after a bounded number of steps", () => {
    const wide = Array.from({ length: 200_000 }, () => 1);
    assert.match(broken({ items: { type: "integer" } }, wide) ?? "", /more than 100000 steps/);
    const choices = Array.from({ length: 500 }, (_, i) => ({ const: i === 499 ? 1 : 2 }));
    assert.match(broken({ items: { anyOf: choices } }, wide) ?? "", /more than 100000 steps/);
  });
});

describe("a schema", () => {
  const flaw = (schema: unknown) => schemaFlaw(typeof schema === "string" ? schema : JSON.stringify(schema));

  it("that would not be understood is refused, naming the place", () => {
    const wrong: [unknown, string][] = [
      [{ $ref: "#/x" }, "$ref"],
      [{ $ref: "https://example.org/schema" }, "$ref"],
      [{ pattern: "(a+)+$" }, "pattern"],
      [{ format: "date" }, "format"],
      [{ properties: { a: { minimun: 1 } } }, "properties.a.minimun"],
      [{ properties: { a: 1 } }, "properties.a"],
      [{ properties: [] }, "properties"],
      [{ required: "a" }, "required"],
      [{ required: [1] }, "required"],
      [{ minimum: "1" }, "minimum"],
      [{ minLength: -1 }, "minLength"],
      [{ minItems: 1.5 }, "minItems"],
      [{ type: "text" }, "type"],
      [{ type: [], enum: 1 }, "enum"],
      [{ allOf: [] }, "allOf"],
      [{ anyOf: [true, 5] }, "anyOf.1"],
      [{ constructor: 1 }, "constructor"],
      [[], ""],
      ["null", ""],
      ["{", ""],
      [" ".repeat(schemaLengthMax + 1), ""],
    ];
    for (const [schema, at] of wrong) assert.equal(flaw(schema)?.at, at, JSON.stringify(schema).slice(0, 80));
  });

  it("may be nested so deep and no deeper", () => {
    const nested = (depth: number): unknown => (depth === 0 ? {} : { not: nested(depth - 1) });
    assert.equal(flaw(nested(32)), null);
    assert.match(flaw(nested(33))?.why ?? "", /deeper than 32/);
  });

  it("may describe itself", () => {
    const words = {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: "t",
      description: "d",
      examples: [1],
    };
    assert.equal(flaw({ ...words, default: 1, $comment: "c" }), null);
  });
});
