/** Changes of alarms that wait to be stored, one a subject: what comes later is folded into what waits, and nothing graver is lost. */
import { severityLevel } from "../model/alarm.ts";
import type { AlarmChanges, AlarmClear, AlarmRaise } from "../store/alarm-changes.ts";

interface Pending {
  readonly raise: AlarmRaise | null;
  /** After the raise, if there is one. */
  readonly clear: AlarmClear | null;
}

const keyOf = ({ kind, subject }: AlarmRaise | AlarmClear): string => `${kind} ${subject}`;

export class PendingAlarms {
  #pending = new Map<string, Pending>();

  get size(): number {
    return this.#pending.size;
  }

  raise(raise: AlarmRaise): void {
    this.#fold(keyOf(raise), { raise, clear: null });
  }

  clear(clear: AlarmClear): void {
    this.#fold(keyOf(clear), { raise: null, clear });
  }

  /** Takes up to `countMax` out, the oldest first. */
  take(countMax: number): AlarmChanges {
    const raise: AlarmRaise[] = [];
    const clear: AlarmClear[] = [];
    for (const [key, pending] of this.#pending) {
      if (raise.length + clear.length >= countMax) break;
      this.#pending.delete(key);
      if (pending.raise !== null) raise.push(pending.raise);
      if (pending.clear !== null) clear.push(pending.clear);
    }
    return { raise, clear };
  }

  /** What was taken could not be stored: it waits again, before all that has come meanwhile. */
  putBack({ raise, clear }: AlarmChanges): void {
    const newer = this.#pending;
    this.#pending = new Map();
    for (const one of raise) this.raise(one);
    for (const one of clear) this.clear(one);
    for (const [key, pending] of newer) this.#fold(key, pending);
  }

  #fold(key: string, { raise, clear }: Pending): void {
    const before = this.#pending.get(key);
    const isGraver =
      before?.raise != null && (raise === null || severityLevel(before.raise.severity) > severityLevel(raise.severity));
    this.#pending.set(key, { raise: isGraver ? (before?.raise ?? raise) : raise, clear });
  }
}
