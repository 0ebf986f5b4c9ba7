/** CONTRACT.md §7 once more, as naively as it can be written, to compare the real thing with. Products are small numbers. */

export type Command =
  | { type: "publish"; products: { product: number; eager: boolean }[]; edges: [number, number][] }
  | { type: "pause" | "unpause" }
  | { type: "update"; items: { product: number; state: string; run: number | null }[] }
  | { type: "clear" | "disable" | "enable"; products: number[] };

export interface OracleProduct {
  eager: boolean;
  state: string;
  run: number | null;
  /** Number of the last request that touched it. */
  stamp: number;
}

export class Oracle {
  exists = false;
  paused = false;
  datasetStamp = 0;
  products = new Map<number, OracleProduct>();
  edges = new Map<string, { parent: number; child: number; stamp: number }>();
  #request = 0;

  /** Applies a command; the status that the API must answer. A refusal changes nothing. */
  apply(command: Command): number {
    this.#request += 1;
    switch (command.type) {
      case "publish":
        return this.#publish(command.products, command.edges);
      case "pause":
      case "unpause": {
        const paused = command.type === "pause";
        if (!this.exists) return 404;
        if (this.paused === paused) return 400;
        this.paused = paused;
        this.datasetStamp = this.#request;
        this.#trigger();
        return 200;
      }
      case "update":
        return this.#update(command.items);
      case "clear": {
        const status = this.#check(command.products, (state) => state !== "disabled");
        if (status !== 200) return status;
        for (const id of command.products) this.#become(id, "waiting");
        this.#resetDownstream(command.products);
        this.#trigger();
        return 200;
      }
      case "disable":
      case "enable": {
        const isDisable = command.type === "disable";
        const status = this.#check(command.products, (state) => (state === "disabled") !== isDisable, true);
        if (status !== 200) return status;
        if (!isDisable && this.#isCyclic(this.#liveEdges(new Set(command.products)))) return 422;
        for (const id of command.products) this.#become(id, isDisable ? "disabled" : "waiting");
        if (!isDisable) this.#resetDownstream(command.products);
        this.#trigger();
        return 200;
      }
      default:
        return command satisfies never;
    }
  }

  #publish(products: { product: number; eager: boolean }[], edges: [number, number][]): number {
    const listed = new Set(products.map(({ product }) => product));
    if (listed.size < products.length) return 400;
    if (new Set(edges.map(([parent, child]) => `${parent}>${child}`)).size < edges.length) return 400;
    const isEnd = (id: number) => listed.has(id) || this.#isLive(id);
    if (!edges.every(([parent, child]) => isEnd(parent) && isEnd(child))) return 404;
    if (this.#isCyclic([...this.#liveEdges(new Set()), ...edges])) return 422;
    this.exists = true;
    this.datasetStamp = this.#request;
    for (const { product, eager } of products) {
      const known = this.products.get(product);
      this.products.set(product, { state: "waiting", run: null, ...known, eager, stamp: this.#request });
    }
    for (const [parent, child] of edges) this.edges.set(`${parent}>${child}`, { parent, child, stamp: this.#request });
    this.#trigger();
    return 200;
  }

  #update(items: { product: number; state: string; run: number | null }[]): number {
    if (items.some(({ state }) => ["waiting", "queued", "disabled"].includes(state))) return 400;
    const ids = items.map(({ product }) => product);
    const status = this.#check(ids, (state) => state !== "disabled");
    if (status !== 200) return status;
    for (const { product, state, run } of items) {
      this.#become(product, state);
      Object.assign(this.products.get(product) ?? {}, { run });
    }
    this.#resetDownstream(ids);
    this.#trigger();
    return 200;
  }

  #check(ids: number[], isFine: (state: string) => boolean, isOnce = false): number {
    if (!this.exists) return 404;
    for (const [i, id] of ids.entries()) {
      const product = this.products.get(id);
      if (product === undefined) return 404;
      if (!isFine(product.state) || (isOnce && ids.indexOf(id) < i)) return 403;
    }
    return 200;
  }

  #become(id: number, state: string): void {
    Object.assign(this.products.get(id) ?? {}, { state, stamp: this.#request });
  }

  #isLive(id: number): boolean {
    return (this.products.get(id)?.state ?? "disabled") !== "disabled";
  }

  /** Stored edges between products that are live, or about to be. */
  #liveEdges(coming: Set<number>): [number, number][] {
    const counts = (id: number) => this.#isLive(id) || coming.has(id);
    return [...this.edges.values()]
      .filter(({ parent, child }) => counts(parent) && counts(child))
      .map(({ parent, child }) => [parent, child]);
  }

  #isCyclic(edges: [number, number][]): boolean {
    let left = edges;
    for (;;) {
      const free = left.filter(([parent]) => !left.some(([, child]) => child === parent));
      if (left.length === 0) return false;
      if (free.length === 0) return true;
      left = left.filter((edge) => !free.includes(edge));
    }
  }

  #resetDownstream(roots: number[]): void {
    const reached = new Set<number>();
    const visit = (id: number): void => {
      for (const { parent, child } of this.edges.values()) {
        if (parent !== id || reached.has(child) || !this.#isLive(child)) continue;
        reached.add(child);
        visit(child);
      }
    };
    for (const root of roots) visit(root);
    for (const id of reached) if (this.products.get(id)?.state !== "waiting") this.#become(id, "waiting");
  }

  #trigger(): void {
    if (this.paused) return;
    const parentsOf = (id: number) =>
      [...this.edges.values()].filter(({ child }) => child === id).map(({ parent }) => parent);
    const ready = [...this.products].filter(
      ([id, product]) =>
        product.state === "waiting" &&
        product.eager &&
        parentsOf(id).every((parent) => ["success", "disabled"].includes(this.products.get(parent)?.state ?? "")),
    );
    for (const [id] of ready) this.#become(id, "queued");
  }
}
