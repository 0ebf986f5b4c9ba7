/** A token of the development service, for a server on this machine that was started in the same folder. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createAuth } from "../http/auth.ts";
import { developmentIdentity } from "../services.ts";

/** A token lives for an hour: a new one is minted well before. */
const renewMs = 30 * 60_000;

/** Gives null when there is no development identity in `dataDir`, or the server has services of its own. Never makes one. */
export function developerToken(
  dataDir: string,
  env: Readonly<Record<string, string | undefined>>,
): () => string | null {
  let minted: { token: string; atMs: number } | null = null;
  return () => {
    if (minted !== null && performance.now() - minted.atMs < renewMs) return minted.token;
    if (env.REMOTE_APIS || !existsSync(join(dataDir, "development.json"))) return null;
    const identity = developmentIdentity(dataDir);
    const secretKey = Buffer.from(env.SECRET_KEY || identity.secretKey);
    const auth = createAuth({ services: [identity.service], secretKey });
    try {
      minted = { token: auth.issue(identity.service.service).access_token, atMs: performance.now() };
      return minted.token;
    } finally {
      auth.stop();
    }
  };
}
