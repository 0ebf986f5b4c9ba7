import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Edge, findCycle, Graph } from "./graph.ts";

const edge = (parentId: string, childId: string): Edge => ({ parentId, childId });

describe("the graph of products", () => {
  it("reaches everything downstream, and nothing behind a product that is refused", () => {
    const graph = new Graph();
    for (const [parent, child] of ["ab", "bc", "cd", "ax"]) graph.add(edge(parent ?? "", child ?? ""));
    assert.deepEqual([...graph.reachable(["a"], () => true)].sort(), ["b", "c", "d", "x"]);
    assert.deepEqual([...graph.reachable(["a"], (id) => id !== "c")].sort(), ["b", "x"]);
  });

  it("names one cycle, the first product again at the end", () => {
    const cycle = findCycle([edge("a", "b"), edge("b", "c"), edge("c", "b"), edge("c", "d")]);
    assert(cycle);
    assert.equal(cycle[0], cycle.at(-1));
    assert.deepEqual([...new Set(cycle)].sort(), ["b", "c"]);
    assert.deepEqual(findCycle([edge("a", "a")]), ["a", "a"]);
  });

  it("walks a chain of 100,000 without recursion", () => {
    const graph = new Graph();
    const edges = Array.from({ length: 100_000 }, (_, i) => edge(String(i), String(i + 1)));
    for (const one of edges) graph.add(one);
    assert.equal(graph.reachable(["0"], () => true).size, 100_000);
    assert.equal(findCycle(edges), null);
  });

  it("finds a cycle exactly when there is one, and it is one", () => {
    const edges = fc.array(fc.tuple(fc.nat(6), fc.nat(6)), { maxLength: 14 });
    fc.assert(
      fc.property(edges, (pairs) => {
        const list = pairs.map(([parent, child]) => edge(String(parent), String(child)));
        const cycle = findCycle(list);
        assert.equal(cycle !== null, hasCycle(list));
        for (let i = 0; cycle !== null && i + 1 < cycle.length; i++) {
          assert(
            list.some((one) => one.parentId === cycle[i] && one.childId === cycle[i + 1]),
            `${cycle} is no path`,
          );
        }
      }),
    );
  });
});

/** Some product reaches itself: by closing the relation, as naively as it goes. */
function hasCycle(edges: readonly Edge[]): boolean {
  const pairs = new Set(edges.map((one) => `${one.parentId}>${one.childId}`));
  for (let size = -1; size !== pairs.size; ) {
    size = pairs.size;
    for (const first of [...pairs]) {
      for (const second of [...pairs]) {
        const [from, via] = first.split(">");
        const [start, to] = second.split(">");
        if (via === start) pairs.add(`${from}>${to}`);
      }
    }
  }
  return [...pairs].some((pair) => pair.split(">")[0] === pair.split(">")[1]);
}
