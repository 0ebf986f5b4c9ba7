/** CPU time and memory of processes, from /proc: what a request costs, whoever else uses the machine. */
import { readdirSync, readFileSync } from "node:fs";

/** A clock tick is 10 ms on Linux. */
const tickMs = 10;

/** User and system time of one process, in milliseconds; 0 when it has gone. */
export function cpuMsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // Its own, and that of children that have ended: a postmaster's backends.
    return [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0) * tickMs;
  } catch {
    return 0;
  }
}

/** The process that listens for `url`'s server, and all that it started: for Postgres, by its postmaster. */
export function familyOf(pid: number): number[] {
  const family = [pid];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      if (Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === pid) family.push(Number(entry));
    } catch {
      // It ended meanwhile.
    }
  }
  return family;
}

export interface Memory {
  readonly nowMiB: number;
  readonly peakMiB: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const of = (name: string): number =>
    Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
  return { nowMiB: of("VmRSS"), peakMiB: of("VmHWM") };
}
