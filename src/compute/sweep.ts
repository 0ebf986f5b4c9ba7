/** Finds and kills what left its process group by `setsid`: on Linux, by a variable that it inherited. Elsewhere it does nothing. */
import { readdir, readFile } from "node:fs/promises";

/** A process may start another one while we look. All are stopped before they are killed, so that those which multiply come to an end. */
const passesMax = 20;

/** `mark` is unique to one run, e.g. `ORRERY_RUN=…`. A process that emptied its environment is not found. */
export async function killMarked(mark: string): Promise<void> {
  if (process.platform !== "linux") return;
  for (let pass = 0; pass < passesMax; pass++) {
    const pids = await markedPids(mark);
    if (pids.length === 0) return;
    for (const pid of pids) send(pid, "SIGSTOP");
    for (const pid of pids) send(pid, "SIGKILL");
  }
}

function send(pid: number, signal: "SIGSTOP" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: it ended meanwhile.
  }
}

async function markedPids(mark: string): Promise<number[]> {
  const names = await readdir("/proc").catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => {
      if (!/^\d+$/.test(name)) return 0;
      // EACCES and ENOENT are other people's processes and those that ended; a zombie's is empty.
      const environment = await readFile(`/proc/${name}/environ`, "latin1").catch(() => "");
      return environment.includes(mark) ? Number(name) : 0;
    }),
  );
  return found.filter((pid) => pid > 0);
}
