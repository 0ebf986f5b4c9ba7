/** The latest value of each of a ship's parameters, kept while packets come in, and shown as JSON. */
import { type Instant, instantOf } from "../model/clock.ts";
import { type PacketBatch, verdictCode } from "./batch.ts";
import { decodeInto, emptyValues, type LimitName, limitNames, type Values } from "./decode.ts";
import { compilePlan, type DecodePlan, type PacketPlan, type Parameter } from "./field-plan.ts";
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

/** A parameter went from one limit state to another. */
export interface LimitChange {
  readonly parameter: string;
  readonly from: LimitName;
  readonly to: LimitName;
  readonly value: number;
  readonly atMs: number;
}

/** More in one batch are only counted. */
const limitChangesMax = 256;

export class LatestValues {
  readonly plan: DecodePlan;
  readonly #values: Values;
  /** Limit states before the packet at hand. */
  readonly #limitsBefore: Uint8Array;
  readonly #arrivedMs: Float64Array;
  readonly #takenMs: Float64Array;
  limitChangesOmitted = 0;

  constructor(definition: PacketDefinition) {
    this.plan = compilePlan(definition);
    this.#values = emptyValues(this.plan);
    this.#limitsBefore = new Uint8Array(this.plan.parameters.length);
    this.#arrivedMs = new Float64Array(this.plan.packets.length);
    this.#takenMs = new Float64Array(this.plan.packets.length);
  }

  /** Takes the fresh packets of a batch; what came late, twice or in conflict is not the latest. Packets of unknown APIDs are left. */
  take(packets: PacketBatch, verdicts: Uint8Array): LimitChange[] {
    const changes: LimitChange[] = [];
    const view = new DataView(packets.bytes.buffer, packets.bytes.byteOffset, packets.bytes.byteLength);
    for (let i = 0; i < packets.count; i++) {
      if (verdicts[i] !== verdictCode.fresh) continue;
      const index = this.plan.byApid[packets.apids[i] ?? 0] ?? -1;
      const packet = this.plan.packets[index];
      if (packet === undefined) continue;
      const arrivedMs = packets.arrivedMs[i] ?? 0;
      this.#arrivedMs[index] = arrivedMs;
      const sizeBytes = packets.sizes[i] ?? 0;
      const firstChange = decodeInto(this.#values, packet, view, packets.starts[i] ?? 0, sizeBytes);
      this.#takenMs[index] = takenMsOf(packet, this.#values, sizeBytes, arrivedMs);
      if (firstChange !== -1) this.#noteChanges(packet, firstChange, arrivedMs, changes);
    }
    return changes;
  }

  /** By parameter; those that have a value. */
  json(): Record<string, LatestValue> {
    const latest: Record<string, LatestValue> = {};
    for (const [p, packet] of this.plan.packets.entries()) {
      const at = instantOf(this.#arrivedMs[p] ?? 0);
      const taken = instantOf(this.#takenMs[p] ?? 0);
      for (let i = packet.firstParameter; i < packet.firstParameter + packet.fieldCount; i++) {
        const parameter = this.plan.parameters[i];
        if (parameter === undefined || this.#values.known[i] === 0) continue;
        latest[parameter.name] = { ...shownValue(parameter, this.#values, i), packet: packet.name, at, taken };
      }
    }
    return latest;
  }

  #noteChanges(packet: PacketPlan, firstField: number, atMs: number, changes: LimitChange[]): void {
    for (let i = packet.firstParameter + firstField; i < packet.firstParameter + packet.fieldCount; i++) {
      const [before, now] = [this.#limitsBefore[i] ?? 0, this.#values.limit[i] ?? 0];
      const [from, to, parameter] = [limitNames[before], limitNames[now], this.plan.parameters[i]];
      if (before === now || from === undefined || to === undefined || parameter === undefined) continue;
      this.#limitsBefore[i] = now;
      if (changes.length < limitChangesMax)
        changes.push({ parameter: parameter.name, from, to, value: this.#values.value[i] ?? 0, atMs });
      else this.limitChangesOmitted += 1;
    }
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
    const packet = plan.packets[plan.byApid[apid] ?? -1];
    if (packet === undefined) return null;
    const { firstParameter, fieldCount, timeField } = packet;
    values.known.fill(0, firstParameter, firstParameter + fieldCount);
    decodeInto(values, packet, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
    const decoded = new Map<string, ParameterValue>();
    for (let i = firstParameter; i < firstParameter + fieldCount; i++) {
      const parameter = plan.parameters[i];
      if (parameter !== undefined && values.known[i] === 1)
        decoded.set(parameter.name, shownValue(parameter, values, i));
    }
    const hasTime = timeField !== -1 && values.known[firstParameter + timeField] === 1;
    const takenAt = hasTime ? instantText(values.value[firstParameter + timeField] ?? 0) : null;
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

/** Garbage may say any time: what four digits of a year cannot hold is null. */
function instantText(epochMs: number): Instant | null {
  return epochMs > Date.UTC(1, 0) && epochMs < Date.UTC(9999, 11) ? instantOf(epochMs) : null;
}
