/** The latest value of each of a ship's parameters, kept while packets come in, and shown as JSON. */
import { type Instant, instantOf } from "../model/clock.ts";
import { type PacketBatch, verdictCode } from "./batch.ts";
import { decodeInto, emptyValues, type LimitName, limitNames, packetIndex, type Values } from "./decode.ts";
import { compilePlan, type DecodePlan, type Parameter, parameterOf } from "./field-plan.ts";
import { LimitAlarms } from "./limit-alarm.ts";
import type { PacketDefinition } from "./packet-definition.ts";
import { takenMsOf } from "./packet-time.ts";

export interface ParameterValue {
  /** A number; text of an enum, a string or a time; hex of bytes; digits of an integer beyond 2^53; null for what is no number. */
  readonly value: number | string | null;
  /** Before calibration; null where there is none. */
  readonly raw: number | null;
  readonly unit: string | null;
  /** null: it has no limits. */
  readonly limit: LimitName | null;
}

export interface LatestValue extends ParameterValue {
  readonly packet: string;
  /** When the packet arrived. */
  readonly at: Instant;
  /** When the value was taken; absent where an earlier version stored it. */
  readonly taken?: Instant;
}

export class LatestValues {
  readonly #plan: DecodePlan;
  readonly #values: Values;
  readonly #arrivedMs: Float64Array;
  readonly #takenMs: Float64Array;
  /** Of each packet type: which of all packets its newest was, counted from 1. */
  readonly #turns: Float64Array;
  #turn = 0;
  /** Told of every value taken. */
  readonly limitAlarms: LimitAlarms;

  constructor(definition: PacketDefinition) {
    this.#plan = compilePlan(definition);
    this.#values = emptyValues(this.#plan);
    this.limitAlarms = new LimitAlarms(this.#plan);
    this.#arrivedMs = new Float64Array(this.#plan.packets.length);
    this.#takenMs = new Float64Array(this.#plan.packets.length);
    this.#turns = new Float64Array(this.#plan.packets.length);
  }

  /** Takes the fresh packets of a batch; what came late, twice or in conflict is not the latest. Packets of unknown APIDs are left. */
  take(packets: PacketBatch, verdicts: Uint8Array): void {
    const view = new DataView(packets.bytes.buffer, packets.bytes.byteOffset, packets.bytes.byteLength);
    for (let i = 0; i < packets.count; i++) {
      if (verdicts[i] !== verdictCode.fresh) continue;
      const start = packets.starts[i] ?? 0;
      const sizeBytes = packets.sizes[i] ?? 0;
      const index = packetIndex(this.#plan, packets.apids[i] ?? 0, view, start, sizeBytes);
      const packet = this.#plan.packets[index];
      if (packet === undefined) continue;
      const arrivedMs = packets.arrivedMs[i] ?? 0;
      this.#arrivedMs[index] = arrivedMs;
      this.#turns[index] = ++this.#turn;
      const isChanged = decodeInto(this.#values, packet, view, start, sizeBytes);
      this.#takenMs[index] = takenMsOf(packet, this.#values, sizeBytes, arrivedMs);
      this.limitAlarms.take(index, this.#values, isChanged, sizeBytes, arrivedMs);
    }
  }

  /** Which of all packets the newest of type `index` was, from 1; 0: none came. */
  turnOf(index: number): number {
    return this.#turns[index] ?? 0;
  }

  /** By parameter; those that have a value. One that is in several packets is of the one that came last. */
  json(): Record<string, LatestValue> {
    const latest: Record<string, LatestValue> = {};
    const shown = new Map<number, number>();
    for (const [p, packet] of this.#plan.packets.entries()) {
      for (let field = 0; field < packet.fieldCount; field++) {
        const i = parameterOf(packet, field);
        const known = shown.get(i);
        if (known === undefined || (this.#turns[p] ?? 0) > (this.#turns[known] ?? 0)) shown.set(i, p);
      }
    }
    for (const [i, p] of shown) {
      const [parameter, packet] = [this.#plan.parameters[i], this.#plan.packets[p]];
      if (parameter === undefined || packet === undefined || this.#values.known[i] === 0) continue;
      const [at, taken] = [instantOf(this.#arrivedMs[p] ?? 0), instantOf(this.#takenMs[p] ?? 0)];
      latest[parameter.name] = { ...shownValue(parameter, this.#values, i), packet: packet.name, at, taken };
    }
    return latest;
  }
}

export interface DecodedPacket {
  readonly packet: string;
  readonly apid: number;
  /** By the packet's own time field. */
  readonly takenAt: Instant | null;
  readonly values: ReadonlyMap<string, ParameterValue>;
}

/** Decodes packets one at a time into objects: for files and reports, not for the way in. */
export function createPacketDecoder(definition: PacketDefinition): (bytes: Uint8Array) => DecodedPacket | null {
  const plan = compilePlan(definition);
  const values = emptyValues(plan);
  return (bytes) => {
    const apid = (((bytes[0] ?? 0) & 7) << 8) | (bytes[1] ?? 0);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const packet = plan.packets[packetIndex(plan, apid, view, 0, bytes.length)];
    if (packet === undefined) return null;
    values.known.fill(0);
    decodeInto(values, packet, view, 0, bytes.length);
    const decoded = new Map<string, ParameterValue>();
    for (let field = 0; field < packet.fieldCount; field++) {
      const i = parameterOf(packet, field);
      const parameter = plan.parameters[i];
      if (parameter !== undefined && values.known[i] === 1)
        decoded.set(parameter.name, shownValue(parameter, values, i));
    }
    const time = packet.timeField === -1 ? -1 : parameterOf(packet, packet.timeField);
    const takenAt = values.known[time] === 1 ? instantText(values.value[time] ?? 0) : null;
    return { packet: packet.name, apid, takenAt, values: decoded };
  };
}

/** Value `i` of a plan, as people and files get it. */
export function shownValue(parameter: Parameter, values: Values, i: number): ParameterValue {
  const { field, texts } = parameter;
  const octets = values.octets[i] ?? null;
  const unit = field.unit ?? null;
  const limit = field.limits === undefined ? null : (limitNames[values.limit[i] ?? 0] ?? "ok");
  const raw = finiteOrNull(values.raw[i] ?? 0);
  if (field.type === "string") return { value: octets === null ? "" : textOf(octets), raw: null, unit, limit };
  if (field.type === "bytes") return { value: octets?.toHex() ?? "", raw: null, unit, limit };
  if (field.type === "cuc" || field.type === "cds")
    return { value: instantText(values.value[i] ?? 0), raw: null, unit, limit };
  const text = texts?.get(values.raw[i] ?? 0);
  if (text !== undefined) return { value: text, raw, unit, limit };
  const isExact = field.calibration !== undefined || octets === null || Number.isSafeInteger(values.raw[i]);
  if (!isExact) return { value: digitsOf(octets, field.type === "i64", parameter.littleEndian), raw, unit, limit };
  return { value: finiteOrNull(values.value[i] ?? 0), raw, unit, limit };
}

function textOf(octets: Uint8Array): string {
  const end = octets.indexOf(0);
  return new TextDecoder().decode(end === -1 ? octets : octets.subarray(0, end));
}

function digitsOf(octets: Uint8Array, signed: boolean, little: boolean): string {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  return String(signed ? view.getBigInt64(0, little) : view.getBigUint64(0, little));
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/**
 * Garbage may say any time: what four digits of a year cannot hold is null. To the nearest microsecond, as a double of today
 * is up to 0.12 µs off and would else be shown as the microsecond before.
 */
function instantText(epochMs: number): Instant | null {
  return epochMs > Date.UTC(1, 0) && epochMs < Date.UTC(9999, 11) ? instantOf(epochMs + 0.0005) : null;
}
