/**
 * A decoded packet as a row of a table: what both exports have. Columns of the packet itself begin with `_`, as no parameter
 * can; then every parameter of the definition, empty where the packet does not have it.
 */
import { apidAt, sequenceCountAt } from "../ground/ccsds.ts";
import type { Values } from "../ground/decode.ts";
import type { DecodePlan } from "../ground/field-plan.ts";
import { shownValue } from "../ground/latest.ts";
import type { Decoded } from "./decoded.ts";

export const packetColumns = ["_arrived", "_taken", "_packet", "_apid", "_sequence_count", "_conflict"] as const;

export interface PacketRow {
  readonly arrivedMs: number;
  readonly takenMs: number;
  readonly packet: string;
  readonly apid: number;
  readonly sequenceCount: number;
  readonly isConflict: boolean;
  readonly firstParameter: number;
  /** Of parameter `firstParameter` and those after it; of a time its milliseconds in `timesMs` too. */
  readonly values: readonly (number | string | null)[];
  readonly timesMs: readonly number[];
}

export function packetRow(plan: DecodePlan, values: Values, payload: Uint8Array, decoded: Decoded): PacketRow {
  const { packet, place, takenMs } = decoded;
  const { firstParameter, fieldCount } = packet;
  const shown: (number | string | null)[] = [];
  for (let i = firstParameter; i < firstParameter + fieldCount; i++) {
    const parameter = plan.parameters[i];
    shown.push(parameter === undefined || values.known[i] === 0 ? null : shownValue(parameter, values, i).value);
  }
  return {
    arrivedMs: place.arrivedMs,
    takenMs,
    packet: packet.name,
    apid: apidAt(payload, place.start),
    sequenceCount: sequenceCountAt(payload, place.start),
    isConflict: place.conflict,
    firstParameter,
    values: shown,
    timesMs: Array.from(values.value.subarray(firstParameter, firstParameter + fieldCount)),
  };
}

/** What is told of the rows while they come: a file that grows with them. */
export interface RowSink {
  take(row: PacketRow): void;
  /** After each entry: writes what has gathered, once it is worth it. */
  drain(): Promise<void>;
  close(): Promise<void>;
}
