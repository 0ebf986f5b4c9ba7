/** Tables and words as people see them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { details, table, widthOf } from "./table.ts";
import { clean, cleanLines, duration, excerpt, moment, relative } from "./words.ts";

const columns = [
  { title: "name", of: (row: { name: string; count: number | null }) => row.name, shrinks: true },
  { title: "count", of: (row: { name: string; count: number | null }) => row.count },
];

describe("a table", () => {
  it("aligns text to the left and numbers to the right", () => {
    const text = table(
      [
        { name: "a", count: 5 },
        { name: "longer", count: 1234 },
        { name: "none", count: null },
      ],
      columns,
      null,
    );
    assert.equal(text, "NAME    COUNT\na           5\nlonger   1234\nnone        -\n");
  });

  it("cuts what may shrink when the terminal is narrow, and nothing without one", () => {
    const rows = [{ name: "x".repeat(50), count: 1 }];
    const narrow = table(rows, columns, 30);
    assert.ok(
      narrow.split("\n").every((line) => widthOf(line) <= 30),
      narrow,
    );
    assert.match(narrow, /x+… {2}/);
    assert.match(table(rows, columns, null), /x{50}/);
  });

  it("counts wide characters twice and marks not at all", () => {
    assert.deepEqual([widthOf("図"), widthOf("e\u0301"), widthOf("abc")], [2, 1, 3]);
    const text = table(
      [
        { name: "図図", count: 1 },
        { name: "abcd", count: 2 },
      ],
      columns,
      null,
    );
    assert.equal(text.split("\n")[1]?.indexOf("1"), 8); // two characters, four columns
  });

  it("leaves absent details out", () => {
    assert.equal(
      details([
        ["a", 1],
        ["missing", null],
        ["none", "-"],
        ["longer", "x"],
      ]),
      "a       1\nlonger  x\n",
    );
  });
});

describe("words", () => {
  it("never let others' text steer the terminal", () => {
    assert.equal(clean("\x1b[31mred\x1b[0m\x01 \u202eevil\nline"), "red� �evil line");
    assert.equal(clean("\x1b]0;title\x07x"), "x");
    assert.equal(cleanLines("a\r\nb\x1b[2J\tc\x00\n"), "a\nb\tc�\n");
    assert.equal(clean({ a: "\u001b" }), '{"a":"\\u001b"}');
    assert.equal(clean(null), "-");
    assert.equal(excerpt("x".repeat(300)).length, 160);
  });

  it("tell times from now, and in UTC", () => {
    const nowMs = Date.parse("2026-01-31T10:00:00Z");
    assert.equal(relative("2026-01-31T09:57:00.123456+00:00", nowMs), "3 min ago");
    assert.equal(relative("2026-01-31T10:00:05+00:00", nowMs), "in 5 s");
    assert.equal(relative(null), "-");
    assert.equal(moment("2026-01-31T12:00:00+02:00", nowMs), "2026-01-31 10:00:00 UTC (now)");
    assert.deepEqual([850, 1500, 12_000, 240_000, 10_800_000, 777_600_000].map(duration), [
      "850 ms",
      "1.5 s",
      "12 s",
      "4 min",
      "3 h",
      "9 d",
    ]);
  });
});
