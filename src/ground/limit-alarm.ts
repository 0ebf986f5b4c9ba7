/**
 * Which parameters are beyond their limits for long enough to be alarming: at least `violations` of the last `of` values were beyond a
 * level. It is over by the same measure: so many of the last ones are within it, and too few beyond.
 *
 * A register of bits per parameter and level holds the last 32 values, the newest lowest; a value shifts it, nothing is allocated. Where
 * registers are full of the same bit and values stay in their limit state, a packet costs one comparison.
 */
import { type LimitName, limitNames, type Values } from "./decode.ts";
import { type DecodePlan, type PacketPlan, parameterOf, slot, slots } from "./field-plan.ts";

const levelCount = 3;
/** Numbers a limited field takes in `fields`: its parameter, and the octet it ends at. */
const fieldSlots = 2;

/** What became of a parameter since it was last asked for. */
export interface LimitTurn {
  readonly parameter: string;
  /** Where it stands: 0 ok, 1 watch, 2 warning, 3 critical. */
  readonly level: number;
  /** The gravest level that it rose to in between; 0: it did not rise. */
  readonly peak: number;
  /** When it rose there, how far, and beyond what; of one that did not rise: when it fell, and the value. */
  readonly limit: LimitName;
  readonly value: number;
  readonly atMs: number;
}

export class LimitAlarms {
  readonly #plan: DecodePlan;
  /** By packet type: its fields with limits. */
  readonly #fields: readonly Int32Array[];
  /** By packet type: how many more of them it takes until all of its registers are full of the same bit again. */
  readonly #unsettled: Uint8Array;
  /** By packet type: the largest `of` of its fields. */
  readonly #memory: Uint8Array;
  /** By packet type: those that share a parameter with it, itself included. */
  readonly #sharers: readonly (readonly number[])[];
  /** By parameter. */
  readonly #violations: Uint8Array;
  readonly #of: Uint8Array;
  readonly #levels: Uint8Array;
  readonly #peaks: Uint8Array;
  readonly #limits: Uint8Array;
  readonly #values: Float64Array;
  readonly #atMs: Float64Array;
  readonly #isChanged: Uint8Array;
  /** By parameter and level. */
  readonly #registers: Uint32Array;
  readonly #standing: Uint8Array;
  /** The parameters that are changed. */
  readonly #changed: Int32Array;
  #changedCount = 0;

  constructor(plan: DecodePlan) {
    const { parameters, packets } = plan;
    const count = parameters.length;
    this.#plan = plan;
    this.#fields = packets.map(limitedFields);
    this.#violations = Uint8Array.from(parameters, ({ field }) => field.limits?.alarm?.violations ?? 1);
    this.#of = Uint8Array.from(
      parameters,
      ({ field }) => field.limits?.alarm?.of ?? field.limits?.alarm?.violations ?? 1,
    );
    this.#unsettled = new Uint8Array(packets.length);
    this.#memory = Uint8Array.from(this.#fields, (fields) =>
      Math.max(0, ...parametersIn(fields).map((i) => this.#of[i] ?? 1)),
    );
    this.#sharers = sharersOf(this.#fields);
    this.#levels = new Uint8Array(count);
    this.#peaks = new Uint8Array(count);
    this.#limits = new Uint8Array(count);
    this.#values = new Float64Array(count);
    this.#atMs = new Float64Array(count);
    this.#isChanged = new Uint8Array(count);
    this.#registers = new Uint32Array(count * levelCount);
    this.#standing = new Uint8Array(count * levelCount);
    this.#changed = new Int32Array(count);
  }

  /** Whether there is such a parameter, with limits. */
  has(name: string): boolean {
    return this.#indexOf(name) !== -1;
  }

  /** An alarm of this parameter is open at this level, from before: as if all values until now had been beyond it. */
  resume(name: string, level: number): void {
    const i = this.#indexOf(name);
    if (i === -1) return;
    this.#levels[i] = level;
    for (let l = 0; l < level; l++) {
      this.#registers[i * levelCount + l] = 0xffff_ffff;
      this.#standing[i * levelCount + l] = 1;
    }
    for (const [p, fields] of this.#fields.entries()) if (parametersIn(fields).includes(i)) this.#unsettle(p);
  }

  /** Takes the packet of type `index` that was just decoded. `isChanged`: a limit state of its fields is another one. */
  take(index: number, values: Values, isChanged: boolean, sizeBytes: number, atMs: number): void {
    if (isChanged) this.#unsettle(index);
    else if (this.#unsettled[index] === 0) return;
    const fields = this.#fields[index];
    if (fields === undefined) return;
    let isWhole = true;
    for (let f = 0; f < fields.length; f += fieldSlots) {
      if ((fields[f + 1] ?? 0) > sizeBytes) isWhole = false;
      else this.#shift(fields[f] ?? 0, values, atMs);
    }
    // A short one has no values of some fields: their registers are as they were.
    if (isWhole) this.#unsettled[index] = (this.#unsettled[index] ?? 1) - 1;
  }

  /** Forgets what rose and fell so far: only where each parameter stands counts. After a replay, whose alarms an earlier holder may have raised. */
  settle(): void {
    for (let c = 0; c < this.#changedCount; c++) {
      const i = this.#changed[c] ?? 0;
      this.#peaks[i] = this.#levels[i] ?? 0;
    }
  }

  /** What changed since it was last asked, a parameter at most once. */
  drain(): LimitTurn[] {
    const turns: LimitTurn[] = [];
    for (let c = 0; c < this.#changedCount; c++) {
      const i = this.#changed[c] ?? 0;
      turns.push({
        parameter: this.#plan.parameters[i]?.name ?? "",
        level: this.#levels[i] ?? 0,
        peak: this.#peaks[i] ?? 0,
        limit: limitNames[this.#limits[i] ?? 0] ?? "ok",
        value: this.#values[i] ?? 0,
        atMs: this.#atMs[i] ?? 0,
      });
      this.#isChanged[i] = 0;
      this.#peaks[i] = 0;
    }
    this.#changedCount = 0;
    return turns;
  }

  #indexOf(name: string): number {
    return this.#plan.parameters.findIndex((one) => one.name === name && one.field.limits !== undefined);
  }

  #unsettle(packet: number): void {
    for (const p of this.#sharers[packet] ?? []) this.#unsettled[p] = this.#memory[p] ?? 0;
  }

  #shift(i: number, values: Values, atMs: number): void {
    const level = ((values.limit[i] ?? 0) + 1) >> 1;
    const violations = this.#violations[i] ?? 1;
    const of = this.#of[i] ?? 1;
    const mask = of === 32 ? 0xffff_ffff : (1 << of) - 1;
    let reached = 0;
    for (let l = 0; l < levelCount; l++) {
      const at = i * levelCount + l;
      const register = ((this.#registers[at] ?? 0) << 1) | (level > l ? 1 : 0);
      this.#registers[at] = register;
      const beyond = bitCount(register & mask);
      const isStanding = beyond >= violations || (this.#standing[at] === 1 && of - beyond < violations);
      this.#standing[at] = isStanding ? 1 : 0;
      if (isStanding) reached = l + 1;
    }
    const before = this.#levels[i] ?? 0;
    if (reached === before) return;
    this.#levels[i] = reached;
    if (reached > before || reached === 0) this.#note(i, reached, values, atMs);
  }

  #note(i: number, reached: number, values: Values, atMs: number): void {
    if (this.#isChanged[i] === 0) {
      this.#isChanged[i] = 1;
      this.#changed[this.#changedCount++] = i;
    }
    const peak = this.#peaks[i] ?? 0;
    // What fell again is told by its gravest moment.
    if (peak > 0 && reached <= peak) return;
    this.#peaks[i] = reached;
    this.#limits[i] = values.limit[i] ?? 0;
    this.#values[i] = values.value[i] ?? 0;
    this.#atMs[i] = atMs;
  }
}

function limitedFields(packet: PacketPlan): Int32Array {
  const found: number[] = [];
  for (let f = 0; f < packet.fieldCount; f++) {
    const p = f * slots;
    if (packet.program[p + slot.limits] !== -1) found.push(parameterOf(packet, f), packet.program[p + slot.end] ?? 0);
  }
  return Int32Array.from(found);
}

const parametersIn = (fields: Int32Array): number[] => [...fields].filter((_, f) => f % fieldSlots === 0);

function sharersOf(all: readonly Int32Array[]): number[][] {
  const having = new Map<number, number[]>();
  for (const [p, fields] of all.entries())
    for (const i of parametersIn(fields)) having.set(i, [...(having.get(i) ?? []), p]);
  return all.map((fields, p) => [...new Set([p, ...parametersIn(fields).flatMap((i) => having.get(i) ?? [])])]);
}

/** How many of 32 bits are set. */
function bitCount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
