/**
 * Checks keys against bcrypt hashes off the event loop: Bun hashes on its own threads, elsewhere a worker does.
 * Bounded: so many at once, so many waiting, then 503.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { OverloadedError } from "../model/errors.ts";

export interface PasswordCheck {
  /** `isKnown` is asked again when its turn comes, as an equal check may have passed meanwhile. */
  verify(key: string, hash: string, isKnown: () => boolean): Promise<boolean>;
  stop(): void;
}

const waitingMax = 1000;
/** bcrypt reads no more; Bun would digest a longer key first, and so differ from all others. */
const keyBytesMax = 72;

export interface Hasher {
  verify(key: string, hash: string): Promise<boolean>;
  stop(): void;
}

/** One core is left to the event loop. */
export function createPasswordCheck(
  hasher: Hasher = createHasher(),
  concurrencyMax = Math.max(1, availableParallelism() - 1),
): PasswordCheck {
  const waiting: (() => void)[] = [];
  let running = 0;

  async function turn(): Promise<void> {
    if (running < concurrencyMax) {
      running += 1;
      return;
    }
    if (waiting.length >= waitingMax) throw new OverloadedError("Too many logins are waiting: try again");
    // Whoever ends hands its place over, so `running` stays as it is.
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  function end(): void {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }

  return {
    async verify(key, hash, isKnown) {
      await turn();
      try {
        if (isKnown()) return true;
        return await hasher.verify(key, hash);
      } catch {
        return false; // a hash that is none: nobody's key
      } finally {
        end();
      }
    },
    stop: () => hasher.stop(),
  };
}

const createHasher = (): Hasher => (typeof Bun === "undefined" ? workerHasher() : bunHasher);

const bunHasher: Hasher = {
  async verify(key, hash) {
    const bytes = Buffer.from(key).subarray(0, keyBytesMax);
    const isRight = await Bun.password.verify(bytes.length > 0 ? bytes : " ", hash, "bcrypt");
    return isRight && bytes.length > 0; // Bun does not hash an empty key; nobody has one, and it takes as long as any
  },
  stop: () => {},
};

/** A worker that is started at the first login. */
function workerHasher(): Hasher {
  const asked = new Map<number, (isRight: boolean) => void>();
  let worker: Worker | null = null;
  let last = 0;

  function start(): Worker {
    const started = new Worker(new URL("./password-worker.ts", import.meta.url));
    started.unref();
    started.on("message", ({ id, isRight }: { id: number; isRight: boolean }) => {
      asked.get(id)?.(isRight);
      asked.delete(id);
    });
    started.on("error", () => {
      for (const answer of asked.values()) answer(false);
      asked.clear();
      worker = null;
    });
    return started;
  }

  return {
    verify(key, hash) {
      worker ??= start();
      last += 1;
      const id = last;
      const answered = new Promise<boolean>((resolve) => asked.set(id, resolve));
      worker.postMessage({ id, key, hash });
      return answered;
    },
    stop() {
      void worker?.terminate();
      worker = null;
    },
  };
}
