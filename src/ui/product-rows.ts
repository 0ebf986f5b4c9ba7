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
      `<td>${escapeHtml(product.name)}</td>` +
      `<td>${escapeHtml(product.version)}</td>` +
      `<td>${product.eager}</td>` +
      `<td>${stateMarkup(product.state)}</td>` +
      `<td class="id">${product.runId ?? ""}</td>` +
      `<td class="link">${linkMarkup(product.link)}</td>` +
      `<td>${timeMarkup(product.modifiedAt, nowMs)}</td></tr>`;
  }
  return markup;
}

/**
 * The graph as a list, in the page, without script: each product that is not disabled as `name:version`, with the numbers of
 * its parents. The island `graph.js` draws it; without JavaScript it is read as it stands.
 */
export function graphSource(
  products: ReadonlyMap<ProductId, ProductRow>,
  dependencies: Iterable<DependencyRow>,
): string {
  const numbers = new Map<ProductId, number>();
  for (const product of products.values()) {
    if (product.state !== "disabled") numbers.set(product.productId, numbers.size + 1);
  }
  const parents = new Map<ProductId, number[]>();
  for (const { parentId, childId } of dependencies) {
    const parent = numbers.get(parentId);
    if (parent === undefined || !numbers.has(childId)) continue;
    const known = parents.get(childId);
    if (known) known.push(parent);
    else parents.set(childId, [parent]);
  }
  let markup = "";
  for (const [productId, number] of numbers) {
    const product = products.get(productId);
    if (product === undefined) continue;
    const after = parents.get(productId) ?? [];
    markup +=
      `<li class="${product.state}" data-product="${productId}" data-state="${product.state}" data-parents="${after.join(" ")}">` +
      `<small>${number}</small> <span>${escapeHtml(product.name)}:${escapeHtml(product.version)}</span>` +
      `${after.length > 0 ? ` <small>after ${after.join(", ")}</small>` : ""}</li>`;
  }
  return markup;
}
