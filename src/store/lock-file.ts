/** One process a data directory: a lock file names its holder. A dead holder's lock is taken over. */
import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "../model/errors.ts";

/** Tells this process from an earlier one with the same pid, as in a container. */
const self = { pid: process.pid, process: randomUUID(), startedAt: startOf(process.pid) };

/** The embedded store is in use by another process. */
export class DirectoryLockedError extends SetupError {
  override readonly name = "DirectoryLockedError";
}

/** Returns how to unlock. Throws `DirectoryLockedError` while a live process holds the directory, this one included. */
export function lockDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, "pg.lock");
  const unlock = () => rmSync(path, { force: true });
  const ours = `${path}.${self.process}`;
  writeFileSync(ours, JSON.stringify(self));
  try {
    // Twice: the first time may find a dead holder's lock, which is set aside.
    for (let attempt = 0; attempt < 2; attempt++) {
      if (placed(ours, path)) return unlock;
      setAsideIfDead(path, directory);
    }
    throw locked(directory, path, "another process");
  } finally {
    rmSync(ours, { force: true });
  }
}

/** Whole or not at all, so that nobody reads half a lock and takes it for a dead one's. */
function placed(ours: string, path: string): boolean {
  try {
    linkSync(ours, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function setAsideIfDead(path: string, directory: string): void {
  const seen = read(path);
  if (seen === null) return;
  const holder = parse(seen);
  if (holder !== null && lives(holder)) throw locked(directory, path, `process ${holder.pid}`);
  const aside = `${path}.${self.process}.old`;
  try {
    renameSync(path, aside);
  } catch {
    return; // another process was faster
  }
  if (read(aside) !== seen) {
    linkSync(aside, path); // that was a live lock made meanwhile: give it back
    rmSync(aside, { force: true });
    throw locked(directory, path, "another process");
  }
  rmSync(aside, { force: true });
}

interface Holder {
  readonly pid: number;
  readonly process: string;
  /** In clock ticks since boot, where /proc tells; else null. */
  readonly startedAt: string | null;
}

function lives(holder: Holder): boolean {
  if (holder.pid === self.pid) return holder.process === self.process;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  return holder.startedAt === null || holder.startedAt === startOf(holder.pid);
}

function locked(directory: string, path: string, holder: string): DirectoryLockedError {
  return new DirectoryLockedError(
    `Cannot open the embedded store in ${directory} as ${holder} has it open: stop that one, choose another ORRERY_DATA, or set DATABASE_URL to run several nodes on one Postgres. If no such process is Orrery, delete ${path}`,
  );
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function parse(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return null;
    if (!("pid" in value && "process" in value && "startedAt" in value)) return null;
    const { pid, process, startedAt } = value;
    if (typeof pid !== "number" || typeof process !== "string") return null;
    return { pid, process, startedAt: typeof startedAt === "string" ? startedAt : null };
  } catch {
    return null; // half written by a process that died
  }
}

/** When a process began, so that a reused pid is not taken for the holder. */
function startOf(pid: number): string | null {
  const stat = read(`/proc/${pid}/stat`);
  // The name in brackets may hold spaces; field 22 is the 20th after it.
  return stat === null ? null : (stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null);
}
