/**
 * The rules of a plan once more (CONTRACT.md §7), as naively as they can be written: no actors, no candidates, everything
 * looked at every time. What the store holds is compared with it after every commit.
 */
import type { Command } from "../../src/model/command.ts";
import type { JobId, ProductId } from "../../src/model/ids.ts";
import type { ProductState } from "../../src/model/plan.ts";

interface OracleProduct {
  state: ProductState;
  eager: boolean;
  compute: string;
}

export class OraclePlan {
  exists = false;
  paused = false;
  readonly products = new Map<ProductId, OracleProduct>();
  readonly edges = new Map<string, { parentId: ProductId; childId: ProductId }>();

  /** Applies a command that was committed; throws if it should have been refused. */
  apply(command: Command): void {
    if (command.type === "plan.publish" ? false : !this.exists) throw new Error(`${command.type} on no dataset`);
    switch (command.type) {
      case "plan.publish":
        this.exists = true;
        for (const { productId, eager, compute } of command.products) {
          const known = this.products.get(productId);
          this.products.set(productId, { state: known?.state ?? "waiting", eager, compute });
        }
        for (const edge of command.dependencies) this.edges.set(`${edge.parentId}>${edge.childId}`, edge);
        break;
      case "dataset.pause":
      case "dataset.unpause":
        if (this.paused === (command.type === "dataset.pause")) throw new Error(`${command.type} twice`);
        this.paused = command.type === "dataset.pause";
        break;
      case "products.update":
        for (const { productId, state } of command.reports) this.#set(productId, state);
        this.#reset(command.reports.map((report) => report.productId));
        break;
      case "products.clear":
        for (const id of command.productIds) this.#set(id, "waiting");
        this.#reset(command.productIds);
        break;
      case "products.renew":
        for (const id of command.clear) this.#set(id, "waiting");
        this.#reset(command.clear);
        break;
      case "products.retry": {
        const failed = [...this.products].flatMap(([id, { state }]) => (state === "failed" ? [id] : []));
        for (const id of failed) this.#set(id, "waiting");
        this.#reset(failed);
        break;
      }
      case "products.disable":
        for (const id of command.productIds) this.#set(id, "disabled");
        break;
      case "products.enable":
        for (const id of command.productIds) {
          const product = this.products.get(id);
          if (product?.state !== "disabled") throw new Error(`enabled ${id}, which was not disabled`);
          product.state = "waiting";
        }
        this.#reset(command.productIds);
        break;
      case "attempt.started":
        this.#set(command.productId, "running");
        this.#reset([command.productId]);
        break;
      case "attempt.succeeded":
        this.#set(command.productId, "success");
        this.#reset([command.productId]);
        break;
      case "attempt.failed":
      case "lease.expired":
        if ("begins" in command && command.begins) {
          this.#set(command.productId, "running");
          this.#reset([command.productId]);
        }
        if (command.retryInMs !== null) break;
        this.#set(command.productId, "failed");
        this.#reset([command.productId]);
        break;
      default:
        command satisfies never;
    }
    this.#trigger();
  }

  #set(id: ProductId, state: ProductState): void {
    const product = this.products.get(id);
    if (product === undefined || product.state === "disabled")
      throw new Error(`changed ${id}, which is disabled or absent`);
    product.state = state;
  }

  #reset(roots: readonly ProductId[]): void {
    const reached = new Set<ProductId>();
    for (let grown = true; grown; ) {
      grown = false;
      for (const { parentId, childId } of this.edges.values()) {
        if (reached.has(childId) || !(roots.includes(parentId) || reached.has(parentId))) continue;
        if (this.products.get(parentId)?.state === "disabled" && !roots.includes(parentId)) continue;
        if (this.products.get(childId)?.state === "disabled") continue;
        reached.add(childId);
        grown = true;
      }
    }
    for (const id of reached) this.#set(id, "waiting");
  }

  #trigger(): void {
    if (this.paused) return;
    const ready = [...this.products].filter(
      ([id, { state, eager }]) =>
        state === "waiting" &&
        eager &&
        [...this.edges.values()].every((edge) => {
          const parent = this.products.get(edge.parentId)?.state;
          return edge.childId !== id || parent === "success" || parent === "disabled";
        }),
    );
    for (const [, product] of ready) product.state = "queued";
  }
}

/** The job ids that a plan's products may name: none but those that are queued or running. */
export const mayHaveJob = (state: ProductState, jobId: JobId | null): boolean =>
  jobId === null || state === "queued" || state === "running";
