/** A plan as it was last committed, and its JSON, put together from fragments that are rendered once a change. */
import type { DatasetId, ProductId } from "../model/ids.ts";
import { type DatasetRow, type DependencyRow, dependencyKey, type PlanRows, type ProductRow } from "../model/plan.ts";
import { renderDataset, renderDependency, renderProduct } from "../model/plan-json.ts";
import type { Turn } from "./turn.ts";

/** What readers get. It follows later commits, so use it before the next await. */
export interface PlanView {
  readonly revision: number;
  readonly dataset: DatasetRow;
  readonly products: ReadonlyMap<ProductId, ProductRow>;
  readonly dependencies: ReadonlyMap<string, DependencyRow>;
  /** The Plan of the contract. */
  json(): string;
  productJson(id: ProductId): string | null;
}

export class Projection implements PlanView {
  revision: number;
  dataset: DatasetRow;
  readonly products = new Map<ProductId, ProductRow>();
  readonly dependencies = new Map<string, DependencyRow>();
  readonly #productTexts = new Map<ProductId, string>();
  readonly #dependencyTexts = new Map<string, string>();
  #text: string | null = null;
  #dependencyText: string | null = null;
  /** By child; made when somebody asks. */
  #parents: Map<ProductId, ProductId[]> | null = null;

  constructor(rows: PlanRows) {
    this.revision = rows.revision;
    this.dataset = rows.dataset;
    for (const row of rows.products) this.products.set(row.productId, row);
    for (const row of rows.dependencies) this.dependencies.set(dependencyKey(row), row);
  }

  apply(turn: Turn): void {
    this.revision = turn.revision;
    if (turn.dataset) this.dataset = turn.dataset;
    for (const row of turn.defined.values()) this.#putProduct(row);
    for (const row of turn.moved.values()) this.#putProduct(row);
    for (const row of turn.dependencies) {
      const key = dependencyKey(row);
      this.dependencies.set(key, row);
      this.#dependencyTexts.delete(key);
      this.#dependencyText = null;
      this.#parents = null;
    }
    this.#text = null;
  }

  parents(id: ProductId): readonly ProductId[] {
    if (this.#parents === null) {
      this.#parents = new Map();
      for (const { parentId, childId } of this.dependencies.values()) {
        const known = this.#parents.get(childId);
        if (known) known.push(parentId);
        else this.#parents.set(childId, [parentId]);
      }
    }
    return this.#parents.get(id) ?? [];
  }

  json(): string {
    this.#text ??=
      `{"dataset":${renderDataset(this.dataset)},"data_products":[${this.#allProducts()}],` +
      `"dependencies":[${this.#allDependencies()}]}`;
    return this.#text;
  }

  productJson(id: ProductId): string | null {
    const row = this.products.get(id);
    return row === undefined ? null : this.#productText(row);
  }

  /** Another view, with `turns` that are not committed yet. */
  after(turns: readonly Turn[]): PlanView {
    const copy = new Projection({
      revision: this.revision,
      dataset: this.dataset,
      products: [...this.products.values()],
      dependencies: [...this.dependencies.values()],
    });
    for (const turn of turns) copy.apply(turn);
    return copy;
  }

  #putProduct(row: ProductRow): void {
    this.products.set(row.productId, row);
    this.#productTexts.delete(row.productId);
  }

  #productText(row: ProductRow): string {
    let text = this.#productTexts.get(row.productId);
    if (text === undefined) {
      text = renderProduct(row);
      this.#productTexts.set(row.productId, text);
    }
    return text;
  }

  #allProducts(): string {
    let text = "";
    for (const row of this.products.values())
      text += text === "" ? this.#productText(row) : `,${this.#productText(row)}`;
    return text;
  }

  #allDependencies(): string {
    if (this.#dependencyText !== null) return this.#dependencyText;
    const texts: string[] = [];
    for (const [key, row] of this.dependencies) {
      let text = this.#dependencyTexts.get(key);
      if (text === undefined) {
        text = renderDependency(row);
        this.#dependencyTexts.set(key, text);
      }
      texts.push(text);
    }
    this.#dependencyText = texts.join(",");
    return this.#dependencyText;
  }
}

/** What stands for a dataset that no turn has stored. */
export const unstoredPlan = (datasetId: DatasetId): PlanRows => ({
  revision: 0,
  dataset: { datasetId, paused: false, extra: null, modifiedBy: "", modifiedAt: "" },
  products: [],
  dependencies: [],
});
