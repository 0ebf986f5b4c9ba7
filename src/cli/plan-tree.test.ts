/** A plan's graph as a tree. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planTree } from "./plan-tree.ts";
import type { Plan } from "./shapes.ts";

function plan(names: readonly string[], edges: readonly (readonly [string, string])[]): Plan {
  const at = "2026-01-31T10:00:00.000000+00:00";
  return {
    dataset: { id: "d", paused: false, extra: null, modified_by: "x", modified_date: at },
    data_products: names.map((name) => ({
      id: name,
      compute: "cams",
      name,
      version: "1",
      eager: true,
      state: "waiting",
      link: null,
      modified_by: "x",
      modified_date: at,
    })),
    dependencies: edges.map(([parent_id, child_id]) => ({ parent_id, child_id })),
  };
}

describe("planTree", () => {
  it("shows a product once, under the last of its parents", () => {
    const lines = planTree(
      plan(
        ["a", "b", "c", "d"],
        [
          ["a", "b"],
          ["a", "c"],
          ["b", "d"],
          ["c", "d"],
        ],
      ),
    ).split("\n");
    assert.deepEqual(
      lines.slice(0, 4).map((line) => line.replace(/:1.*/, "")),
      ["a", "└─ b", "└─ c", "   └─ d"],
    );
    assert.match(lines[3] ?? "", /also after b$/);
  });

  it("shows a circle that disabled products close", () => {
    assert.equal(
      planTree(
        plan(
          ["a", "b"],
          [
            ["a", "b"],
            ["b", "a"],
          ],
        ),
      )
        .trimEnd()
        .split("\n").length,
      2,
    );
  });

  it("bears a chain of ten thousand", () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `p${i}`);
    const text = planTree(
      plan(
        names,
        names.slice(1).map((name, i) => [`p${i}`, name]),
      ),
    );
    assert.equal(text.trimEnd().split("\n").length, 10_000);
  });
});
