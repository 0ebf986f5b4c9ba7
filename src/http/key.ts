/** API keys: make one, list them, revoke one. The key itself is in one answer only, that of its making. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { ConflictError, InvalidFieldError, NotFoundError } from "../model/errors.ts";
import { newTimeUuid } from "../model/ids.ts";
import { shipNamePattern } from "../model/pass.ts";
import { roles } from "../model/service.ts";
import { ownService } from "../services.ts";
import { type ApiKeyRow, insertKey, listKeys, revokeKey } from "../store/api-keys.ts";
import { unknownShips } from "../store/ships.ts";
import { json } from "./answer.ts";
import { dateTime } from "./date.ts";
import { digestOf, keyTextOf, newSecret } from "./key-text.ts";
import { guardedOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";

const tag = "key";
/** They are listed in one answer. */
const keysMax = 1000;
const shipsMax = 100;

/** Named `KeyRole` in the document, as the contract's `Role` has four. */
const KeyRole = z.enum(roles).openapi("KeyRole");

const KeyParam = z
  .object({
    name: z
      .string()
      .regex(
        /^(?!orr_)[A-Za-z0-9][\w.@:/-]{0,99}$/,
        "1 to 100 letters, digits and _ . @ : / - are needed, a letter or digit first",
      )
      .openapi({ description: "What stamps and the audit say. No configured service's" }),
    roles: z
      .array(KeyRole)
      .min(1)
      .transform((given) => [...new Set(given)])
      .openapi({ type: "array", items: { type: "string", enum: [...roles] } }),
    ships: z
      .array(z.string().regex(shipNamePattern, "it is no name of a ship"))
      .min(1)
      .max(shipsMax)
      .transform((given) => [...new Set(given)])
      .nullish()
      .openapi({
        type: ["array", "null"],
        items: { type: "string" },
        description: "It may write for these ships and nothing else; null: whatever its roles allow",
      }),
    expires_at: dateTime.nullish().openapi({ type: ["string", "null"], format: "date-time" }),
  })
  .openapi("KeyParam");

const date = z.string().openapi({ format: "date-time" });
const shape = {
  id: z.string().openapi({ format: "uuid" }),
  name: z.string(),
  roles: z.array(KeyRole),
  ships: z.array(z.string()).nullable(),
  created_at: date,
};

const Key = z
  .object({ ...shape, created_by: z.string(), expires_at: date.nullable(), last_used_at: date.nullable() })
  .openapi("Key");

const NewKey = z
  .object({ ...shape, expires_at: date.nullable(), key: z.string().openapi({ description: "Shown this once" }) })
  .openapi("NewKey");

export function keyRoutes({ database, auth, keys, clock, config }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  const { sql } = database;

  guardedOperation(
    routes,
    auth,
    { method: "get", path: "/key", role: "admin", summary: "List the API keys", tag, answer: z.array(Key) },
    async () => secret((await listKeys(sql, keysMax)).map(shownKey)),
  );

  guardedOperation<z.output<typeof KeyParam>>(
    routes,
    auth,
    {
      method: "post",
      path: "/key",
      role: "admin",
      audit: "key.create",
      summary: "Make an API key",
      tag,
      body: KeyParam,
      badField: 422,
      answer: NewKey,
    },
    async ({ body, caller, wrote }) => {
      const { name } = body;
      const at = clock.now();
      const expiresAt = body.expires_at ?? null;
      if (expiresAt !== null && expiresAt <= at) throw new InvalidFieldError("expires_at", "a time to come is needed");
      if (name === ownService || config.services.some(({ service }) => service === name)) {
        throw new ConflictError(
          `Cannot make a key named "${name}" as a configured service has this name: choose another`,
          {
            name,
          },
        );
      }
      const ships = body.ships ?? null;
      const [unknown] = await unknownShips(sql, ships ?? []);
      if (unknown !== undefined) throw new NotFoundError("ship", unknown);
      const text = { keyId: newTimeUuid(), secret: newSecret() };
      const row = { keyId: text.keyId, name, roles: body.roles, ships, digest: digestOf(text.secret), expiresAt };
      const outcome = await insertKey(sql, { ...row, by: caller.service, at }, keysMax);
      if (outcome === "taken") {
        throw new ConflictError(
          `Cannot make a key named "${name}" as there is one: revoke it, or choose another name`,
          { name },
        );
      }
      if (outcome === "full") throw new ConflictError(`Cannot make a key as there are ${keysMax}: revoke some first`);
      keys.changed(row.keyId);
      wrote(`/key/${row.keyId}`);
      const shown = { id: row.keyId, name, roles: row.roles, ships, created_at: at, expires_at: expiresAt };
      return secret({ ...shown, key: keyTextOf(text) });
    },
  );

  guardedOperation(
    routes,
    auth,
    {
      method: "delete",
      path: "/key/{key_id}",
      role: "admin",
      audit: "key.revoke",
      summary: "Revoke an API key, everywhere within 2 seconds",
      tag,
      answer: z.object({ id: shape.id, revoked_at: date }),
    },
    async ({ param, caller }) => {
      const keyId = param("key_id");
      const at = clock.now();
      if (!(await revokeKey(sql, keyId, caller.service, at))) throw new NotFoundError("key", keyId);
      keys.changed(keyId);
      return json({ id: keyId, revoked_at: at });
    },
  );
  return routes;
}

function secret(value: unknown): Response {
  const answer = json(value);
  answer.headers.set("Cache-Control", "no-store");
  return answer;
}

const shownKey = (key: ApiKeyRow): z.output<typeof Key> => ({
  id: key.keyId,
  name: key.name,
  roles: [...key.roles],
  ships: key.ships === null ? null : [...key.ships],
  created_by: key.createdBy,
  created_at: key.createdAt,
  expires_at: key.expiresAt,
  last_used_at: key.lastUsedAt,
});
