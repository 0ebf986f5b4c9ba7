/**
 * The graph of a plan of many products as some hundred groups: those of one layer whose names begin alike, or, where that is too many,
 * layers. Either way a group waits only for groups before it, so the graph of groups has no cycle.
 */
import type { ProductId } from "../model/ids.ts";
import type { DependencyRow, ProductRow, ProductState } from "../model/plan.ts";
import { count } from "./figures.ts";
import { escapeHtml } from "./markup.ts";

/** More cards than this are no overview. */
const groupsMax = 300;
/** Layers are put together into so many. */
const bandsMax = 100;
/** A group of more products is not opened: the table and the search have them. */
export const openedMax = 1000;
/** The first that any of its products is in is the group's state. */
const order: readonly ProductState[] = ["failed", "running", "queued", "waiting", "success"];

interface Group {
  readonly key: string;
  readonly label: string;
  readonly products: ProductRow[];
}

/** The list that the graph is drawn from, groups in place of their products but for those in `open`. `ordered`: parents first. */
export function groupedSource(
  ordered: readonly ProductRow[],
  dependencies: readonly DependencyRow[],
  open: ReadonlySet<string>,
): string {
  const live = ordered.filter(({ state }) => state !== "disabled");
  const groups = groupsOf(live, layersOf(live, dependencies));
  const items = groups.flatMap((group) => (isOpen(group, open) ? group.products.map(single) : [group]));
  const numbers = new Map<ProductId, number>();
  for (const [index, { products }] of items.entries())
    for (const { productId } of products) numbers.set(productId, index + 1);
  const parents = items.map(() => new Set<number>());
  for (const { parentId, childId } of dependencies) {
    const [parent, child] = [numbers.get(parentId), numbers.get(childId)];
    if (parent !== undefined && child !== undefined && parent !== child) parents[child - 1]?.add(parent);
  }
  return items.map((item, index) => markupOf(item, index + 1, [...(parents[index] ?? [])])).join("");
}

const isOpen = ({ key, products }: Group, open: ReadonlySet<string>): boolean =>
  products.length === 1 || (open.has(key) && products.length <= openedMax);

const single = (product: ProductRow): Group => ({
  key: "",
  label: `${product.name}:${product.version}`,
  products: [product],
});

/** The longest way to each from one that waits for nothing. */
function layersOf(live: readonly ProductRow[], dependencies: readonly DependencyRow[]): Map<ProductId, number> {
  const layers = new Map(live.map(({ productId }) => [productId, 0]));
  const children = new Map<ProductId, ProductId[]>();
  for (const { parentId, childId } of dependencies) {
    const known = children.get(parentId);
    if (known) known.push(childId);
    else children.set(parentId, [childId]);
  }
  for (const { productId } of live) {
    const next = (layers.get(productId) ?? 0) + 1;
    for (const child of children.get(productId) ?? []) {
      const layer = layers.get(child);
      if (layer !== undefined && layer < next) layers.set(child, next);
    }
  }
  return layers;
}

/** `stage3_part_17` → `stage3_part` */
const beginningOf = (name: string): string => name.replace(/[\s._:-]*\d+$/, "") || name;

function groupsOf(live: readonly ProductRow[], layers: ReadonlyMap<ProductId, number>): Group[] {
  const byName = gathered(live, ({ productId, name }) => {
    const beginning = beginningOf(name);
    return [`${layers.get(productId)}/${beginning}`, beginning];
  });
  if (byName.length <= groupsMax) return byName;
  const layersAll = live.reduce((most, { productId }) => Math.max(most, (layers.get(productId) ?? 0) + 1), 0);
  const size = Math.ceil(layersAll / bandsMax);
  return gathered(live, ({ productId }) => {
    const first = Math.floor((layers.get(productId) ?? 0) / size) * size;
    const last = Math.min(first + size, layersAll);
    return [`${first}`, size === 1 ? `layer ${last}` : `layers ${first + 1} to ${last}`];
  });
}

function gathered(live: readonly ProductRow[], nameOf: (product: ProductRow) => [key: string, label: string]): Group[] {
  const groups = new Map<string, Group>();
  for (const product of live) {
    const [key, label] = nameOf(product);
    const known = groups.get(key);
    if (known) known.products.push(product);
    else groups.set(key, { key, label, products: [product] });
  }
  return [...groups.values()];
}

function markupOf({ key, label, products }: Group, number: number, parents: readonly number[]): string {
  const after = parents.length > 0 ? ` <small>after ${parents.join(", ")}</small>` : "";
  const [only] = products;
  if (key === "" && only !== undefined) {
    const { productId, state } = only;
    return (
      `<li class="${state}" data-product="${productId}" data-state="${state}" data-parents="${parents.join(" ")}">` +
      `<small>${number}</small> <span>${escapeHtml(label)}</span>${after}</li>`
    );
  }
  const counts = order
    .map((state) => [state, products.filter((product) => product.state === state).length] as const)
    .filter(([, n]) => n > 0);
  const state = counts[0]?.[0] ?? "waiting";
  const parts = counts.map(([name, n]) => `${name}:${n}`).join(" ");
  const said = counts.map(([name, n]) => `${count(n)} ${name}`).join(", ");
  return (
    `<li class="${state}" data-group="${escapeHtml(key)}" data-state="${state}" data-parts="${parts}" data-parents="${parents.join(" ")}">` +
    `<small>${number}</small> <a href="?${escapeHtml(String(new URLSearchParams({ open: key })))}">${escapeHtml(label)} ×${count(products.length)}</a>` +
    ` <small>${said}</small>${after}</li>`
  );
}
