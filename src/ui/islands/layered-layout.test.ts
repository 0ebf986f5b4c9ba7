/** Where a graph's nodes go: left to right, without overlap, folded where a layer is long; any graph, at once. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { layeredLayout, type Placed } from "./layered-layout.js";

type Edges = [number, number][];
const width = 100;
const height = 34;
const place = (count: number, edges: Edges): Placed =>
  layeredLayout(
    Array.from({ length: count }, () => ({ width, height })),
    edges,
  );

function overlaps({ nodes }: Placed): [number, number][] {
  const found: [number, number][] = [];
  const sorted = nodes.map((node, i) => ({ ...node, i })).sort((a, b) => a.x - b.x);
  for (const [at, a] of sorted.entries()) {
    for (let next = at + 1; next < sorted.length; next++) {
      const b = sorted[next];
      if (b === undefined || b.x - a.x >= width) break;
      if (Math.abs(a.y - b.y) < height) found.push([a.i, b.i]);
    }
  }
  return found;
}

/** From lower numbers to higher ones, so without a cycle. */
const graphs = fc.integer({ min: 2, max: 60 }).chain((count) =>
  fc.record({
    count: fc.constant(count),
    edges: fc.uniqueArray(
      fc.tuple(fc.nat({ max: count - 1 }), fc.nat({ max: count - 1 })).filter(([a, b]) => a < b),
      { selector: ([a, b]) => `${a}-${b}`, maxLength: 150 },
    ),
  }),
);

describe("the layered layout", () => {
  it("puts every child to the right of its parents, nothing on top of another, and all within its bounds", () => {
    fc.assert(
      fc.property(graphs, ({ count, edges }) => {
        const placed = place(count, edges);
        assert.deepEqual(overlaps(placed), []);
        for (const [parent, child] of edges) {
          assert.ok((placed.nodes[parent]?.x ?? 0) + width < (placed.nodes[child]?.x ?? 0));
        }
        for (const { x, y } of placed.nodes) {
          assert.ok(x >= width / 2 && x <= placed.width - width / 2 + 0.1);
          assert.ok(y >= height / 2 - 0.1 && y <= placed.height - height / 2 + 0.1);
        }
        assert.equal(placed.edges.length, edges.length);
      }),
      { numRuns: 200 },
    );
  });

  it("draws a chain as a line, and a pair of parents around their child", () => {
    const chain = place(4, [
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
    assert.equal(new Set(chain.nodes.map(({ y }) => y)).size, 1);
    const pair = place(3, [
      [0, 2],
      [1, 2],
    ]);
    const [a = { y: 0 }, b = { y: 0 }, child = { y: 0 }] = pair.nodes;
    assert.ok(Math.abs((a.y + b.y) / 2 - child.y) < 0.1);
  });

  it("folds a layer of a thousand, and leads what passes it around", () => {
    const edges: Edges = [];
    for (let n = 1; n < 1001; n++) edges.push([0, n], [n, 1001]);
    const placed = place(1002, edges);
    assert.deepEqual(overlaps(placed), []);
    assert.ok(placed.height < 5000 && placed.width < 5000, `${placed.width} × ${placed.height}`);
  });

  it("takes a chain of 10,000 without recursion, and an empty graph", () => {
    const edges = Array.from({ length: 9999 }, (_, n): [number, number] => [n, n + 1]);
    assert.equal(place(10_000, edges).nodes.length, 10_000);
    assert.deepEqual(place(0, []), { width: 0, height: 0, nodes: [], edges: [] });
  });
});
