/** A plan's graph as an indented tree: each product once, under its first parent; its other parents are named beside it. */
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
  const byName = (a: string, b: string): number => (byId.get(a)?.name ?? "").localeCompare(byId.get(b)?.name ?? "");
  const roots = products.filter(({ id }) => !parentsOf.has(id)).map(({ id }) => id);

  const lines: string[] = [];
  const shown = new Set<string>();
  // A stack instead of recursion: chains may be ten thousand long.
  const stack = roots
    .sort(byName)
    .reverse()
    .map((id) => ({ id, depth: 0, parent: null as string | null }));
  while (stack.length > 0) {
    const next = stack.pop();
    const product = next && byId.get(next.id);
    if (!next || !product || shown.has(next.id)) continue;
    shown.add(next.id);
    const others = (parentsOf.get(next.id) ?? []).filter((id) => id !== next.parent).sort(byName);
    lines.push(
      lineOf(
        product,
        next.depth,
        others.map((id) => byId.get(id)?.name ?? id),
      ),
    );
    const children = (childrenOf.get(next.id) ?? []).filter((id) => !shown.has(id));
    for (const id of children.sort(byName).reverse()) stack.push({ id, depth: next.depth + 1, parent: next.id });
  }
  return lines.map((line) => `${line}\n`).join("");
}

function lineOf(product: Product, depth: number, others: readonly string[]): string {
  const indent = depth === 0 ? "" : `${"   ".repeat(Math.min(depth, depthMax) - 1)}└─ `;
  const state = painted(`${marks[product.state] ?? "?"} ${product.state}`, colourOfState(product.state));
  const also = others.length === 0 ? "" : painted(`  also after ${others.map(clean).join(", ")}`, "dim");
  const lazy = product.eager ? "" : "  (lazy)";
  const about = painted(`  ${clean(product.compute)}, ${relative(product.modified_date)}`, "dim");
  return `${indent}${clean(product.name)}:${clean(product.version)}  ${state}${lazy}${about}${also}`;
}
