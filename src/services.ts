/** Who may call the API: the services of REMOTE_APIS, or one development service that the first start makes and keeps. */
import { randomBytes } from "node:crypto";
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashSync } from "bcryptjs";
import * as v from "valibot";
import { SetupError } from "./model/errors.ts";
import { roles, type Service } from "./model/service.ts";

/** What our own changes are stamped with. */
export const ownService = "orrery";

const Services = v.pipe(
  v.array(
    v.object({
      service: v.pipe(
        v.string("a service's name is needed"),
        v.nonEmpty("a service's name may not be empty"),
        v.notValue(ownService, `the name "${ownService}" is kept for changes by Orrery itself`),
      ),
      hash: v.pipe(
        v.string("a bcrypt hash is needed"),
        v.regex(/^\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}$/, "a bcrypt hash is needed (`orrery hash KEY` makes one)"),
      ),
      roles: v.array(
        v.picklist(roles, `a role is one of ${roles.join(", ")}`),
        `a list of roles is needed, of ${roles.join(", ")}`,
      ),
    }),
    "a JSON array of {service, hash, roles} is needed",
  ),
  v.check(
    (services) => new Set(services.map(({ service }) => service)).size === services.length,
    "each service's name may occur only once",
  ),
);

/** `text`: JSON array of {service, hash, roles}, as REMOTE_APIS holds it. */
export function parseServices(text: string): Service[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SetupError("Cannot use REMOTE_APIS as it is not JSON: a JSON array of {service, hash, roles} is needed");
  }
  const result = v.safeParse(Services, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const place = v.getDotPath(issue);
  throw new SetupError(`Cannot use REMOTE_APIS${place ? ` at ${place}` : ""} as ${issue.message}`);
}

const Development = v.object({ secret_key: v.string(), service: v.string(), key: v.string(), hash: v.string() });

export interface DevelopmentIdentity {
  readonly path: string;
  readonly secretKey: string;
  /** What the service logs in with. */
  readonly key: string;
  readonly service: Service;
}

/** The identity in `dataDir`, made when there is none. Two first starts at once end with the same one. */
export function developmentIdentity(dataDir: string): DevelopmentIdentity {
  const path = join(dataDir, "development.json");
  const kept = readIdentity(path) ?? makeIdentity(dataDir, path);
  const result = v.safeParse(Development, kept);
  if (!result.success) {
    throw new SetupError(`Cannot read the development service as ${path} is damaged: delete it, a new one is made`);
  }
  const { secret_key: secretKey, service, key, hash } = result.output;
  return { path, secretKey, key, service: { service, hash, roles } };
}

function readIdentity(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new SetupError(`Cannot read the development service in ${path}: ${error}`);
  }
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function makeIdentity(dataDir: string, path: string): unknown {
  const key = randomBytes(24).toString("base64url");
  // Cost 4 is enough for a key of 192 random bits, and does not slow the first start.
  const made = { secret_key: randomBytes(48).toString("base64url"), service: "developer", key, hash: hashSync(key, 4) };
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(draft, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600 });
    chmodSync(draft, 0o600);
    linkSync(draft, path);
    return made;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return readIdentity(path);
    throw new SetupError(
      `Cannot keep a development service in ${path} (${error instanceof Error ? error.message : error}): make the directory writable, or set SECRET_KEY and REMOTE_APIS`,
    );
  } finally {
    rmSync(draft, { force: true });
  }
}
