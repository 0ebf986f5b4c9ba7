/** Which processes live on, by what they have in their environment. */
import { readdirSync, readFileSync } from "node:fs";

/** The pids of those (no zombies) that carry this text in their environment. */
export function alive(marker: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1").includes(marker);
    } catch {
      return false; // ended meanwhile, or somebody else's
    }
  });
}
