/** A plan of many products as groups: no cycle between them, states counted, opened by key. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DependencyRow, ProductRow, ProductState } from "../model/plan.ts";
import { groupedSource } from "./plan-groups.ts";

const stamp = { modifiedBy: "any", modifiedAt: "2026-10-01T00:00:00.000000+00:00" };
const product = (name: string, state: ProductState = "waiting"): ProductRow => ({
  ...{ productId: name, name, state, compute: "cams", version: "1.0", eager: true, passthrough: null, extra: null },
  ...{ runId: null, link: null, passback: null, jobId: null, ...stamp },
});
const edge = (parentId: string, childId: string): DependencyRow => ({ parentId, childId, extra: null, ...stamp });

interface Item {
  readonly label: string;
  readonly key: string | null;
  readonly parts: string | null;
  readonly parents: number[];
}
function itemsOf(markup: string): Item[] {
  return [...markup.matchAll(/<li([^>]*)>.*?<\/small> <(?:span|a)[^>]*>(.*?)<\/(?:span|a)>/g)].map(
    ([, attributes = "", label = ""]) => ({
      label,
      key: /data-group="([^"]*)"/.exec(attributes)?.[1] ?? null,
      parts: /data-parts="([^"]*)"/.exec(attributes)?.[1] ?? null,
      parents: (/data-parents="([^"]*)"/.exec(attributes)?.[1] ?? "").split(" ").filter(Boolean).map(Number),
    }),
  );
}

describe("groups of a plan", () => {
  const decode = Array.from({ length: 20 }, (_, n) => product(`decode_${n}`, n < 3 ? "failed" : "success"));
  const mosaic = Array.from({ length: 20 }, (_, n) => product(`mosaic-${n}`));
  const plan = [product("fetch", "success"), ...decode, ...mosaic];
  const edges = [
    ...decode.map(({ productId }) => edge("fetch", productId)),
    ...mosaic.map(({ productId }, n) => edge(`decode_${n}`, productId)),
  ];

  it("gather what begins alike in a layer, count its states, and wait for groups", () => {
    assert.deepEqual(itemsOf(groupedSource(plan, edges, new Set())), [
      { label: "fetch:1.0", key: null, parts: null, parents: [] },
      { label: "decode ×20", key: "1/decode", parts: "failed:3 success:17", parents: [1] },
      { label: "mosaic ×20", key: "2/mosaic", parts: "waiting:20", parents: [2] },
    ]);
  });

  it("are opened by their key", () => {
    const items = itemsOf(groupedSource(plan, edges, new Set(["1/decode", "no such"])));
    assert.equal(items.length, 22);
    assert.deepEqual(
      items.at(-1)?.parents,
      Array.from({ length: 20 }, (_, n) => n + 2),
    );
  });

  it("are layers where no names begin alike, at most some hundred, and only wait for those before", () => {
    const names = Array.from({ length: 2000 }, (_, n) => `p${n}x`);
    const chain = names.slice(1).map((name, n) => edge(names[n] ?? "", name));
    const items = itemsOf(
      groupedSource(
        names.map((name) => product(name)),
        chain,
        new Set(),
      ),
    );
    assert.equal(items.length, 100);
    assert.equal(items[1]?.label, "layers 21 to 40 ×20");
    for (const [index, { parents }] of items.entries()) assert.deepEqual(parents, index === 0 ? [] : [index]);
  });

  it("leave disabled products out, and show hostile names as text", () => {
    const hostile = [product("<img src=x>1"), product("<img src=x>2"), product("gone", "disabled")];
    const markup = groupedSource(hostile, [], new Set());
    assert.ok(!markup.includes("<img") && !markup.includes("gone"), markup);
    assert.deepEqual(
      itemsOf(markup).map(({ label }) => label),
      ["&lt;img src=x&gt; ×2"],
    );
  });
});
