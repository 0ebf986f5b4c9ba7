/** What people may do to a plan from its page: who may, which request does it, and the buttons that ask for it. */
import type { ClientCommand } from "../model/command.ts";
import type { DatasetId, ProductId } from "../model/ids.ts";
import type { DatasetRow, ProductRow } from "../model/plan.ts";
import type { Caller, Role } from "../model/service.ts";
import { may } from "./actions.ts";

export const actionNames = ["pause", "unpause", "retry", "clear", "disable", "enable"] as const;
export type ActionName = (typeof actionNames)[number];

/** About one product, or about the plan as a whole. */
export interface Subject {
  readonly datasetId: DatasetId;
  readonly productId: ProductId | null;
}

interface Action {
  readonly role: Role;
  readonly isOfProduct: boolean;
  readonly method: "PUT" | "POST" | "DELETE";
  path(datasetId: DatasetId): string;
  command(datasetId: DatasetId, productIds: ProductId[]): ClientCommand;
}

export const planActions: Readonly<Record<ActionName, Action>> = {
  pause: {
    role: "pause",
    isOfProduct: false,
    method: "PUT",
    path: (id) => `/api/plan/${id}/pause`,
    command: (datasetId) => ({ type: "dataset.pause", datasetId }),
  },
  unpause: {
    role: "pause",
    isOfProduct: false,
    method: "PUT",
    path: (id) => `/api/plan/${id}/unpause`,
    command: (datasetId) => ({ type: "dataset.unpause", datasetId }),
  },
  retry: {
    role: "operate",
    isOfProduct: false,
    method: "POST",
    path: (id) => `/api/plan/${id}/retry-failed`,
    command: (datasetId) => ({ type: "products.retry", datasetId }),
  },
  clear: {
    role: "update",
    isOfProduct: true,
    method: "PUT",
    path: (id) => `/api/data_product/${id}/clear`,
    command: (datasetId, productIds) => ({ type: "products.clear", datasetId, productIds }),
  },
  disable: {
    role: "disable",
    isOfProduct: true,
    method: "DELETE",
    path: (id) => `/api/data_product/${id}`,
    command: (datasetId, productIds) => ({ type: "products.disable", datasetId, productIds }),
  },
  enable: {
    role: "disable",
    isOfProduct: true,
    method: "PUT",
    path: (id) => `/api/data_product/${id}/enable`,
    command: (datasetId, productIds) => ({ type: "products.enable", datasetId, productIds }),
  },
};

export const mayAct = (viewer: Caller | null, action: ActionName): boolean => may({ viewer }, planActions[action].role);

/** The plan's own actions that make sense now, of those that the viewer may do. They need script, so it is script that shows them. */
export function planButtons(dataset: DatasetRow, failed: number, viewer: Caller | null): string {
  const all: [ActionName, string][] = [dataset.paused ? ["unpause", "Unpause"] : ["pause", "Pause"]];
  if (failed > 0) all.unshift(["retry", failed === 1 ? "Retry the failed one" : `Retry ${failed} failed`]);
  return buttons(all, null, viewer);
}

export function productButtons({ productId, state }: ProductRow, viewer: Caller | null): string {
  if (state === "disabled") return buttons([["enable", "Enable"]], productId, viewer);
  const clear = state === "failed" ? "Retry" : "Clear";
  return buttons(
    [
      ["clear", clear],
      ["disable", "Disable"],
    ],
    productId,
    viewer,
  );
}

function buttons(
  all: readonly (readonly [ActionName, string])[],
  productId: ProductId | null,
  viewer: Caller | null,
): string {
  const subject = productId === null ? "" : ` data-product="${productId}"`;
  return all
    .filter(([action]) => mayAct(viewer, action))
    .map(([action, label]) => `<button type="button" data-action="${action}"${subject}>${label}…</button>`)
    .join("");
}
