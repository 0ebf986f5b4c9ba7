/** Tasks are placed after what they wait for, and names are text. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { placeTasks, taskGraph } from "./task-graph.ts";

const task = (id: string, ...dependsOn: string[]) => ({ id, name: id, kind: "wait" as const, dependsOn });

describe("the graph of tasks", () => {
  it("puts each task in a column after all that it waits for, and no two in one place", () => {
    const tasks = [task("d", "b", "c"), task("a"), task("b", "a"), task("c", "a"), task("e", "a", "d"), task("alone")];
    const placed = placeTasks(tasks);
    for (const { id, dependsOn } of tasks) {
      for (const parent of dependsOn) assert.ok((placed.get(parent)?.column ?? 9) < (placed.get(id)?.column ?? 0));
    }
    assert.equal(placed.get("e")?.column, 3);
    assert.equal(new Set([...placed.values()].map(({ column, row }) => `${column}.${row}`)).size, tasks.length);
  });

  it("escapes what a task is called", () => {
    const svg = taskGraph([{ ...task("a"), name: "<img src=x onerror=alert(1)>" }]);
    assert.ok(!svg.includes("<img"));
    assert.ok(svg.includes("&lt;img src=x"));
  });
});
