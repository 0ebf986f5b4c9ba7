/**
 * A decoded packet as a row of a table: what both exports have. Columns of the packet itself begin with `_`, as no parameter
 * can; then every parameter of the definition, empty where the packet does not have it.
 */
import { apidAt, sequenceCountAt } from "../ground/ccsds.ts";
import type { Values } from "../ground/decode.ts";
import { type DecodePlan, parameterOf } from "../ground/field-plan.ts";
import { shownValue } from "../ground/latest.ts";
import type { Decoded } from "./decoded.ts";

export const packetColumns = ["_arrived", "_taken", "_packet", "_apid", "_sequence_count", "_conflict"] as const;

export interface PacketCell {
  /** Its index in the plan. */
  readonly parameter: number;
  readonly value: number | string | null;
  /** Of a time its milliseconds. */
  readonly timeMs: number;
}

export interface PacketRow {
  readonly arrivedMs: number;
  readonly takenMs: number;
  readonly packet: string;
  readonly apid: number;
  readonly sequenceCount: number;
  readonly isConflict: boolean;
  /** In the order of the packet's fields. */
  readonly cells: readonly PacketCell[];
}

export function packetRow(plan: DecodePlan, values: Values, payload: Uint8Array, decoded: Decoded): PacketRow {
  const { packet, place, takenMs } = decoded;
  const cells: PacketCell[] = [];
  for (let field = 0; field < packet.fieldCount; field++) {
    const i = parameterOf(packet, field);
    const parameter = plan.parameters[i];
    if (parameter === undefined || values.known[i] === 0) continue;
    cells.push({ parameter: i, value: shownValue(parameter, values, i).value, timeMs: values.value[i] ?? 0 });
  }
  return {
    arrivedMs: place.arrivedMs,
    takenMs,
    packet: packet.name,
    apid: apidAt(payload, place.start),
    sequenceCount: sequenceCountAt(payload, place.start),
    isConflict: place.conflict,
    cells,
  };
}

/** What is told of the rows while they come: a file that grows with them. */
export interface RowSink {
  take(row: PacketRow): void;
  /** After each entry: writes what has gathered, once it is worth it. */
  drain(): Promise<void>;
  close(): Promise<void>;
}
