/** The audit: who wrote what. Its own rows for writes that leave no event row; plan writes are read from their event rows. */
import type { Instant } from "../model/clock.ts";
import type { DatasetId, Uuid } from "../model/ids.ts";
import { array, type Sql } from "./sql.ts";

export interface AuditRow {
  readonly auditId: Uuid;
  readonly at: Instant;
  readonly service: string;
  /** `key.create`, `plan.publish`. */
  readonly action: string;
  /** A path of the API: `/key/018f…`. */
  readonly target: string;
  readonly status: number;
  readonly requestId: string | null;
}

export interface NewAuditRow extends AuditRow {
  readonly datasetId: DatasetId | null;
}

/** Safe to repeat: a row that is there already stays. */
export async function insertAudit(sql: Sql, rows: readonly NewAuditRow[]): Promise<void> {
  const column = (of: (row: NewAuditRow) => string | number | null) => array(rows.map(of));
  await sql`
    insert into audit (audit_id, at, service, action, target, status, request_id, dataset_id)
    select * from unnest(${column((row) => row.auditId)}::text::uuid[], ${column((row) => row.at)}::text::timestamptz[],
      ${column((row) => row.service)}::text::text[], ${column((row) => row.action)}::text::text[],
      ${column((row) => row.target)}::text::text[], ${column((row) => row.status)}::text::smallint[],
      ${column((row) => row.requestId)}::text::text[], ${column((row) => row.datasetId)}::text::uuid[])
    on conflict (audit_id) do nothing`;
}
