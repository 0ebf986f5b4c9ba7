/** Finds processes of a run by a variable that they inherited, in Linux' /proc. */
import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { cpus } from "node:os";

/** What each run sets in the environment of its processes, to an id of its own. */
export const runVariable = "ORRERY_RUN";

/** Processes and threads that one core may start in a millisecond: more than any does. */
const startsPerMs = 200;
/** Numbers that are given only once. */
const reservedPids = 300;
const coreCount = cpus().length || 1024;

export interface FirstProcess {
  readonly pid: number | null;
  readonly beganMs: number;
}

/**
 * Whether a process may have started after one of these. They are numbered upwards, to `pidMax` and from the start again, so it has
 * one of the numbers that can have been given since.
 */
export function youngerThan(firsts: readonly FirstProcess[], nowMs: number, pidMax: number) {
  const spans = firsts.map(({ pid, beganMs }) => ({
    from: pid ?? 0,
    count:
      pid === null || pidMax === 0
        ? Number.POSITIVE_INFINITY
        : (nowMs - beganMs) * startsPerMs * coreCount + reservedPids,
  }));
  return (pid: number) => spans.some(({ from, count }) => (pid < from ? pid - from + pidMax : pid - from) <= count);
}

/** 0, by which none is left out, where the system does not say. */
export function readPidMax(): number {
  try {
    return Number(readFileSync("/proc/sys/kernel/pid_max", "latin1")) || 0;
  } catch {
    return 0;
  }
}

export interface Found {
  readonly pids: ReadonlyMap<string, readonly number[]>;
  /** Were just becoming another program, and had no environment to be known by. */
  readonly unsure: readonly number[];
}

export async function findMarked(marks: readonly string[], mayBe: (pid: number) => boolean): Promise<Found> {
  const found = new Map<string, number[]>();
  const unsure: number[] = [];
  const names = await readdir("/proc").catch(() => []);
  await Promise.all(
    names.map(async (name) => {
      if (!/^\d+$/.test(name) || !mayBe(Number(name))) return;
      // EACCES and ENOENT are other people's processes and those that ended.
      const environment = await readFile(`/proc/${name}/environ`, "latin1").catch(() => null);
      if (environment === "" && (await isBecoming(name))) unsure.push(Number(name));
      if (!environment?.includes(runVariable)) return;
      for (const mark of marks) {
        if (!environment.includes(mark)) continue;
        const pids = found.get(mark);
        if (pids === undefined) found.set(mark, [Number(name)]);
        else pids.push(Number(name));
      }
    }),
  );
  return { pids: found, unsure };
}

const kernelThread = 0x20_0000;

/**
 * Of one whose environment reads as empty, by proc_pid_stat(5): it lives, is no thread of the kernel, and not known to have none. What
 * is our own child is the first process of a run that has not ended, unless orphans become our children too.
 */
async function isBecoming(name: string): Promise<boolean> {
  const stat = await readFile(`/proc/${name}/stat`, "latin1").catch(() => "");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // the third field and on: a name may hold anything
  const [state = "", parent, flags, start, end] = [3, 4, 9, 50, 51].map((number) => fields[number - 3]);
  if (!/^[^ZXx]/.test(state) || (Number(flags) & kernelThread) !== 0) return false;
  if (Number(parent) === process.pid && process.pid !== 1) return false;
  return start === "0" || start !== end;
}
