/** A directed graph of products: who waits for whom. No recursion, so a chain of 10,000 is as safe as a pair. */
import type { ProductId } from "./ids.ts";

export interface Edge {
  readonly parentId: ProductId;
  readonly childId: ProductId;
}

const none: ReadonlySet<ProductId> = new Set();

export class Graph {
  readonly #children = new Map<ProductId, Set<ProductId>>();
  readonly #parents = new Map<ProductId, Set<ProductId>>();

  add({ parentId, childId }: Edge): void {
    put(this.#children, parentId, childId);
    put(this.#parents, childId, parentId);
  }

  parents(id: ProductId): ReadonlySet<ProductId> {
    return this.#parents.get(id) ?? none;
  }

  children(id: ProductId): ReadonlySet<ProductId> {
    return this.#children.get(id) ?? none;
  }

  /** Every product reachable from `roots`, breadth first, never passing through one that `enters` refuses; roots only if reached again. */
  reachable(roots: Iterable<ProductId>, enters: (id: ProductId) => boolean): Set<ProductId> {
    const seen = new Set<ProductId>();
    const queue = [...roots];
    for (let next = 0; next < queue.length; next++) {
      for (const child of this.children(queue[next] as ProductId)) {
        if (seen.has(child) || !enters(child)) continue;
        seen.add(child);
        queue.push(child);
      }
    }
    return seen;
  }

  *edges(): Generator<Edge> {
    for (const [parentId, children] of this.#children) for (const childId of children) yield { parentId, childId };
  }
}

/** One cycle among `edges` as a list of ids, the first repeated at the end; null if there is none. */
export function findCycle(edges: Iterable<Edge>): ProductId[] | null {
  const children = new Map<ProductId, ProductId[]>();
  const parentsOpen = new Map<ProductId, number>();
  for (const { parentId, childId } of edges) {
    const known = children.get(parentId);
    if (known) known.push(childId);
    else children.set(parentId, [childId]);
    parentsOpen.set(childId, (parentsOpen.get(childId) ?? 0) + 1);
    if (!parentsOpen.has(parentId)) parentsOpen.set(parentId, 0);
  }
  // Kahn: take away what nothing holds; what stays is on a cycle or behind one.
  const free = [...parentsOpen].filter(([, open]) => open === 0).map(([id]) => id);
  for (let next = 0; next < free.length; next++) {
    const id = free[next] as ProductId;
    parentsOpen.delete(id);
    for (const child of children.get(id) ?? []) {
      const open = (parentsOpen.get(child) ?? 0) - 1;
      parentsOpen.set(child, open);
      if (open === 0) free.push(child);
    }
  }
  return parentsOpen.size === 0 ? null : walkBackToCycle(parentsOpen, children);
}

/** Among what Kahn left, every product has a parent that was left too: walking up must come round. */
function walkBackToCycle(left: Map<ProductId, number>, children: Map<ProductId, ProductId[]>): ProductId[] {
  const parentOf = new Map<ProductId, ProductId>();
  for (const id of left.keys())
    for (const child of children.get(id) ?? []) if (left.has(child)) parentOf.set(child, id);
  const path: ProductId[] = [];
  const place = new Map<ProductId, number>();
  let id = [...left.keys()][0] as ProductId;
  while (!place.has(id)) {
    place.set(id, path.length);
    path.push(id);
    id = parentOf.get(id) as ProductId;
  }
  const cycle = path.slice(place.get(id)).reverse();
  return [...cycle, cycle[0] as ProductId];
}

function put(map: Map<ProductId, Set<ProductId>>, key: ProductId, value: ProductId): void {
  const known = map.get(key);
  if (known) known.add(value);
  else map.set(key, new Set([value]));
}
