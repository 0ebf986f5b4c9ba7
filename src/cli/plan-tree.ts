/** A plan's graph as an indented tree: each product once, under the last of its parents; the others are named beside it. */
import type { Plan, Product } from "./shapes.ts";
import { clean, colourOfState, painted, relative } from "./words.ts";

/** A chain of thousands would run off every screen: deeper ones stay at this depth. */
const depthMax = 24;

const marks: Readonly<Record<string, string>> = {
  success: "✓",
  failed: "✗",
  running: "▶",
  queued: "…",
  waiting: "·",
  disabled: "–",
};

export function planTree({ data_products: products, dependencies }: Plan): string {
  const byId = new Map(products.map((product) => [product.id, product]));
  const childrenOf = new Map<string, string[]>();
  const parentsOf = new Map<string, string[]>();
  for (const { parent_id, child_id } of dependencies) {
    if (!byId.has(parent_id) || !byId.has(child_id)) continue;
    childrenOf.set(parent_id, [...(childrenOf.get(parent_id) ?? []), child_id]);
    parentsOf.set(child_id, [...(parentsOf.get(child_id) ?? []), parent_id]);
  }
  const names = (ids: readonly string[]): string[] => ids.map((id) => byId.get(id)?.name ?? id).sort();
  const byName = (a: string, b: string): number => (byId.get(a)?.name ?? "").localeCompare(byId.get(b)?.name ?? "");
  const roots = products.filter(({ id }) => !parentsOf.has(id)).map(({ id }) => id);
  const under = lastParents(roots, childrenOf, parentsOf);

  const lines: string[] = [];
  const shown = new Set<string>();
  // A stack instead of recursion: chains may be ten thousand long.
  const stack = roots
    .sort(byName)
    .reverse()
    .map((id) => ({ id, depth: 0 }));
  while (stack.length > 0) {
    const next = stack.pop();
    const product = next && byId.get(next.id);
    if (!next || !product || shown.has(next.id)) continue;
    shown.add(next.id);
    const others = (parentsOf.get(next.id) ?? []).filter((id) => id !== under.get(next.id));
    lines.push(lineOf(product, next.depth, names(others)));
    const children = (childrenOf.get(next.id) ?? []).filter((id) => under.get(id) === next.id);
    for (const id of children.sort(byName).reverse()) stack.push({ id, depth: next.depth + 1 });
  }
  // Disabled products may close a circle, which hangs under no root.
  for (const product of products)
    if (!shown.has(product.id)) lines.push(lineOf(product, 0, names(parentsOf.get(product.id) ?? [])));
  return lines.map((line) => `${line}\n`).join("");
}

/** Of each product the parent that comes last in a topological order, so that it stands below all that it waits for. */
function lastParents(
  roots: readonly string[],
  childrenOf: ReadonlyMap<string, readonly string[]>,
  parentsOf: ReadonlyMap<string, readonly string[]>,
): Map<string, string> {
  const open = new Map([...parentsOf].map(([id, parents]) => [id, parents.length]));
  const last = new Map<string, string>();
  const ready = [...roots];
  for (const id of ready) {
    for (const child of childrenOf.get(id) ?? []) {
      last.set(child, id);
      const left = (open.get(child) ?? 0) - 1;
      open.set(child, left);
      if (left === 0) ready.push(child);
    }
  }
  return last;
}

function lineOf(product: Product, depth: number, others: readonly string[]): string {
  const indent = depth === 0 ? "" : `${"   ".repeat(Math.min(depth, depthMax) - 1)}└─ `;
  const state = painted(`${marks[product.state] ?? "?"} ${product.state}`, colourOfState(product.state));
  const also = others.length === 0 ? "" : painted(`  also after ${others.map(clean).join(", ")}`, "dim");
  const lazy = product.eager ? "" : "  (lazy)";
  const about = painted(`  ${clean(product.compute)}, ${relative(product.modified_date)}`, "dim");
  return `${indent}${clean(product.name)}:${clean(product.version)}  ${state}${lazy}${about}${also}`;
}
