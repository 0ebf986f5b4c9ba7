/** The table rows of a plan's data products, and the source that its graph is drawn from. */
import type { ProductId } from "../model/ids.ts";
import type { DependencyRow, ProductRow } from "../model/plan.ts";
import { computeTitle, escapeHtml, linkMarkup, stateMarkup, timeMarkup } from "./markup.ts";

/** One row a product, disabled ones too. An empty cell is really empty: on a phone it takes no room. */
export function productRows(products: Iterable<ProductRow>, nowMs: number): string {
  let markup = "";
  for (const product of products) {
    markup +=
      `<tr id="product-${product.productId}" data-state="${product.state}">` +
      `<td class="id">${product.productId}</td>` +
      `<td>${escapeHtml(computeTitle(product.compute))}</td>` +
      `<td><a href="?product=${product.productId}" data-open="${product.productId}">${escapeHtml(product.name)}</a></td>` +
      `<td>${escapeHtml(product.version)}</td>` +
      `<td>${product.eager}</td>` +
      `<td>${stateMarkup(product.state)}</td>` +
      `<td class="id">${product.runId ?? ""}</td>` +
      `<td class="link">${linkMarkup(product.link)}</td>` +
      `<td>${timeMarkup(product.modifiedAt, nowMs)}</td></tr>`;
  }
  return markup;
}

/** `part_9` before `part_10`. Comparing so costs 1 µs: beyond this many the order is the store's. */
const byName = new Intl.Collator("en", { numeric: true });
const sortedMax = 1500;

/** Parents before children, as the graph shows them, else by name; disabled products, which no order holds, last. No recursion. */
export function inOrder({ products, dependencies }: Graphed): ProductRow[] {
  const parentsOpen = new Map<ProductId, number>();
  const children = new Map<ProductId, ProductId[]>();
  for (const { parentId, childId } of dependencies.values()) {
    if (isOut(products.get(parentId)) || isOut(products.get(childId))) continue;
    parentsOpen.set(childId, (parentsOpen.get(childId) ?? 0) + 1);
    const known = children.get(parentId);
    if (known) known.push(childId);
    else children.set(parentId, [childId]);
  }
  const ordered: ProductRow[] = [];
  const disabled: ProductRow[] = [];
  const all = [...products.values()];
  if (all.length <= sortedMax) all.sort((a, b) => byName.compare(a.name, b.name));
  for (const product of all) {
    if (isOut(product)) disabled.push(product);
    else if (!parentsOpen.has(product.productId)) ordered.push(product);
  }
  for (let next = 0; next < ordered.length; next++) {
    for (const childId of children.get(ordered[next]?.productId ?? "") ?? []) {
      const open = (parentsOpen.get(childId) ?? 0) - 1;
      parentsOpen.set(childId, open);
      const child = products.get(childId);
      if (open === 0 && child !== undefined) ordered.push(child);
    }
  }
  return [...ordered, ...disabled];
}

interface Graphed {
  readonly products: ReadonlyMap<ProductId, ProductRow>;
  readonly dependencies: ReadonlyMap<string, DependencyRow>;
}

const isOut = (product: ProductRow | undefined): boolean => product === undefined || product.state === "disabled";

/**
 * The graph as a list, in the page, without script: each product that is not disabled as `name:version`, with the numbers of
 * its parents. The island `graph.js` draws it; without JavaScript it is read as it stands.
 */
export function graphSource(ordered: readonly ProductRow[], dependencies: Iterable<DependencyRow>): string {
  const shown = ordered.filter((product) => !isOut(product));
  const numbers = new Map(shown.map((product, index) => [product.productId, index + 1]));
  const parents = new Map<ProductId, number[]>();
  for (const { parentId, childId } of dependencies) {
    const parent = numbers.get(parentId);
    if (parent === undefined || !numbers.has(childId)) continue;
    const known = parents.get(childId);
    if (known) known.push(parent);
    else parents.set(childId, [parent]);
  }
  let markup = "";
  for (const [index, { productId, state, name, version }] of shown.entries()) {
    const after = parents.get(productId) ?? [];
    markup +=
      `<li class="${state}" data-product="${productId}" data-state="${state}" data-parents="${after.join(" ")}">` +
      `<small>${index + 1}</small> <span>${escapeHtml(name)}:${escapeHtml(version)}</span>` +
      `${after.length > 0 ? ` <small>after ${after.join(", ")}</small>` : ""}</li>`;
  }
  return markup;
}
