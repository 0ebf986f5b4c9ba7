/** A plan's rows as the contract's JSON (CONTRACT.md §3), written as text: client JSON is spliced as it was sent. */
import type { JsonText } from "./json.ts";
import type { DatasetRow, DependencyRow, ProductRow } from "./plan.ts";

export function renderDataset(row: DatasetRow): string {
  return (
    `{"id":"${row.datasetId}","paused":${row.paused},"extra":${json(row.extra)},` +
    `"modified_by":${JSON.stringify(row.modifiedBy)},"modified_date":"${row.modifiedAt}"}`
  );
}

export function renderProduct(row: ProductRow): string {
  return (
    `{"id":"${row.productId}","compute":${JSON.stringify(row.compute)},"name":${JSON.stringify(row.name)},` +
    `"version":${JSON.stringify(row.version)},"eager":${row.eager},"passthrough":${json(row.passthrough)},` +
    `"state":"${row.state}","run_id":${text(row.runId)},"link":${text(row.link)},"passback":${json(row.passback)},` +
    `"extra":${json(row.extra)},"modified_by":${JSON.stringify(row.modifiedBy)},"modified_date":"${row.modifiedAt}"}`
  );
}

export function renderDependency(row: DependencyRow): string {
  return (
    `{"parent_id":"${row.parentId}","child_id":"${row.childId}","extra":${json(row.extra)},` +
    `"modified_by":${JSON.stringify(row.modifiedBy)},"modified_date":"${row.modifiedAt}"}`
  );
}

const json = (value: JsonText | null): string => value ?? "null";
const text = (value: string | null): string => (value === null ? "null" : JSON.stringify(value));
