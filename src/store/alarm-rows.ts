/** How a row of `alarm` is read. */
import { type AlarmRow, severityOf } from "../model/alarm.ts";
import { instantText } from "./instants.ts";

/** As the columns come: severity is a number. */
export type StoredAlarm = Omit<AlarmRow, "severity"> & { readonly level: number };

/** Of `alarm`, unqualified: a statement that joins names its other columns otherwise. */
export const alarmColumns = `alarm_id as "alarmId", kind, severity as level, ship, pass_id as "passId", subject,
  dataset_id as "datasetId", product_id as "productId", ${instantText("at")} as at, raised,
  ${instantText("cleared_at")} as "clearedAt", resolution, ${instantText("acknowledged_at")} as "acknowledgedAt",
  acknowledged_by as "acknowledgedBy", comment, change, event, detail`;

export function alarmOf<Row extends StoredAlarm>({ level, ...row }: Row): Omit<Row, "level"> & AlarmRow {
  return { ...row, severity: severityOf(level) };
}
