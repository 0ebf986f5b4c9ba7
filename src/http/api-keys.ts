/**
 * Who an API key speaks for. A key is read from the store once a second and a half at most, many in one statement; a
 * revocation is known at once on the node that made it, on others by a hint, and without the hint when that time is over.
 */
import { epochMsOf, instantOf } from "../model/clock.ts";
import { OverloadedError, TokenRefusedError } from "../model/errors.ts";
import type { Uuid } from "../model/ids.ts";
import type { Caller, Service } from "../model/service.ts";
import type { Log } from "../observe/log.ts";
import { findKeys, noteKeysUsed, type StoredKey } from "../store/api-keys.ts";
import type { Database } from "../store/sql.ts";
import { Batcher } from "../supervisor/batcher.ts";
import { isSecretOf, readKeyText } from "./key-text.ts";

export interface ApiKeys {
  /** Rejects with 403 unless the key is known, alive and not revoked. */
  callerOf(keyText: string): Promise<Caller>;
  /** The same without its secret: for a session that was opened with it. */
  callerOfId(keyId: Uuid): Promise<Caller>;
  /** A key was made or revoked here: this node forgets what it knows of it now, the others soon. */
  changed(keyId: Uuid): void;
  stop(): Promise<void>;
}

export interface ApiKeysParts {
  readonly database: Pick<Database, "sql" | "notify" | "listen">;
  /** A key under the name of one of these is refused. */
  readonly services: readonly Service[];
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly nowMs?: () => number;
  readonly monotonicMs?: () => number;
}

const channel = "api_key";
/** From the moment when the store is asked: 2 s after a revocation no node may accept the key. */
const keptMs = 1500;
const keptMax = 10_000;
/** Look-ups that may wait for the store. */
const waitingMax = 10_000;
/** A key that is in use is noted as such this often. */
const noteS = 60;

interface Kept {
  readonly key: StoredKey;
  readonly untilMs: number;
}

export function createApiKeys(parts: ApiKeysParts): ApiKeys {
  const { database, log, nowMs = Date.now, monotonicMs = () => performance.now() } = parts;
  const configured = new Set(parts.services.map(({ service }) => service));
  const kept = new Map<Uuid, Kept>();
  const notedMs = new Map<Uuid, number>();
  const used = new Set<Uuid>();
  let waiting = 0;
  /** Grows whenever something is forgotten: what was asked for before that is not kept. */
  let forgotten = 0;
  let listening: Promise<() => Promise<void>> | null = null;
  let noting: Promise<void> | null = null;

  const lookUps = new Batcher<Uuid, StoredKey>(
    async (keyIds) => {
      const before = forgotten;
      const untilMs = monotonicMs() + keptMs;
      const found = await findKeys(database.sql, keyIds);
      if (before === forgotten) for (const [keyId, key] of found) keep(keyId, { key, untilMs });
      return found;
    },
    { inFlightMax: 2, keysMax: 100 },
  );

  function keep(keyId: Uuid, entry: Kept): void {
    if (kept.size >= keptMax) kept.clear();
    kept.set(keyId, entry);
  }

  function forget(keyId: Uuid | null): void {
    forgotten += 1;
    if (keyId === null) kept.clear();
    else kept.delete(keyId);
  }

  async function keyOf(keyId: Uuid): Promise<StoredKey | undefined> {
    const known = kept.get(keyId);
    if (known !== undefined && known.untilMs > monotonicMs()) return known.key;
    if (waiting >= waitingMax) throw new OverloadedError("Too many API keys wait to be looked up: try again shortly");
    waiting += 1;
    try {
      return await lookUps.get(keyId);
    } finally {
      waiting -= 1;
    }
  }

  /** With the first key: a node that sees none listens to none. */
  function listen(): void {
    listening ??= database
      .listen(channel, (payload) => forget(payload))
      .catch((error: unknown) => {
        log.warn({ err: error }, "hints about API keys are not heard: a revocation is known after a second and a half");
        return async () => {};
      });
  }

  function note(keyId: Uuid): void {
    const atMs = monotonicMs();
    if ((notedMs.get(keyId) ?? Number.NEGATIVE_INFINITY) > atMs - noteS * 1000) return;
    if (notedMs.size >= keptMax) notedMs.clear();
    notedMs.set(keyId, atMs);
    used.add(keyId);
    noting ??= writeUsed().finally(() => {
      noting = null;
    });
  }

  async function writeUsed(): Promise<void> {
    while (used.size > 0) {
      const keyIds = [...used];
      used.clear();
      await noteKeysUsed(database.sql, keyIds, instantOf(nowMs()), noteS).catch((error: unknown) => {
        log.warn({ err: error }, "when API keys were last used could not be stored");
      });
    }
  }

  async function callerBy(keyId: Uuid, secret: string | null): Promise<Caller> {
    listen();
    const key = await keyOf(keyId);
    // The same answer for an unknown id and for a wrong secret: nobody learns which keys there are.
    if (key === undefined || (secret !== null && !isSecretOf(secret, key.digest))) throw refused("unknown");
    if (key.isRevoked) throw refused("revoked", key.name);
    if (key.expiresAt !== null && epochMsOf(key.expiresAt) <= nowMs()) throw refused("expired", key.name);
    if (configured.has(key.name)) throw refused("named like a configured service", key.name);
    note(keyId);
    return { service: key.name, roles: key.roles, ...(key.ships !== null && { ships: key.ships }) };
  }

  return {
    async callerOf(keyText) {
      const text = readKeyText(keyText);
      if (text === null) throw refused("malformed");
      return callerBy(text.keyId, text.secret);
    },
    callerOfId: (keyId) => callerBy(keyId, null),
    changed(keyId) {
      forget(keyId);
      database.notify(channel, keyId);
    },
    async stop() {
      await noting;
      await (await listening)?.();
    },
  };
}

const refused = (how: string, service: string | null = null): TokenRefusedError =>
  new TokenRefusedError(`The API key is refused as it is ${how}: ask an administrator for a new one`, service);
