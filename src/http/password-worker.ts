/** The thread that hashes keys where the runtime has no threads of its own for it. */
import { parentPort } from "node:worker_threads";
import { compareSync } from "bcryptjs";

parentPort?.on("message", ({ id, key, hash }: { id: number; key: string; hash: string }) => {
  parentPort?.postMessage({ id, isRight: isKey(key, hash) });
});

function isKey(key: string, hash: string): boolean {
  try {
    return compareSync(key, hash);
  } catch {
    return false;
  }
}
