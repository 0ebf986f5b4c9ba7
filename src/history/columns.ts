/** Which of a ship's parameters have a history, and the series in which it is gathered, a packet type at a time. */
import type { Values } from "../ground/decode.ts";
import { type DecodePlan, type PacketPlan, parameterOf } from "../ground/field-plan.ts";
import type { FieldDefinition } from "../ground/packet-definition.ts";
import { Series } from "./series.ts";

/** Rows of a packet type: a value a second of a pass of an hour is kept as it is. */
const rowsMax = 4096;
/** Of all packet types together, 16 MiB: with more parameters there are fewer rows of each. */
const cellsMax = 512 * 1024;
const rowsMin = 16;

/** Numbers have one, an enum by its raw values. Texts, bytes and times are in the exports. */
export function isPlotted(field: FieldDefinition): boolean {
  return field.type !== "bytes" && field.type !== "string" && field.type !== "cuc" && field.type !== "cds";
}

/** The plotted fields of one packet type, by their index in the plan. */
export interface PacketColumns {
  readonly packet: PacketPlan;
  readonly parameters: readonly number[];
  readonly series: Series;
}

export class Columns {
  readonly packets: readonly PacketColumns[];
  readonly #of: ReadonlyMap<PacketPlan, PacketColumns>;

  constructor(plan: DecodePlan) {
    const rows = Math.max(rowsMin, Math.min(rowsMax, Math.floor(cellsMax / Math.max(1, plan.parameters.length))));
    this.packets = plan.packets.map((packet) => {
      const parameters: number[] = [];
      for (let field = 0; field < packet.fieldCount; field++) {
        const i = parameterOf(packet, field);
        const parameter = plan.parameters[i];
        if (parameter !== undefined && isPlotted(parameter.field)) parameters.push(i);
      }
      return { packet, parameters, series: new Series(parameters.length, rows) };
    });
    this.#of = new Map(this.packets.map((columns) => [columns.packet, columns]));
  }

  take(packet: PacketPlan, values: Values, takenMs: number): void {
    const columns = this.#of.get(packet);
    if (columns === undefined) return;
    const { parameters, series } = columns;
    const row = series.row(takenMs);
    for (let field = 0; field < parameters.length; field++) {
      const i = parameters[field] ?? 0;
      if (values.known[i] === 1) series.add(row, field, values.value[i] ?? 0);
    }
  }
}
