/** Which server a command talks to, and as whom: flags, then the environment and .env, then a context of the user's own file. */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import * as v from "valibot";
import { isLoopback } from "../config.ts";
import { readDotEnv } from "../dotenv.ts";
import { SetupError } from "../model/errors.ts";
import { YamlSource } from "../templates/yaml-source.ts";
import { developerToken } from "./developer-token.ts";

export interface ConnectionFlags {
  readonly url?: string;
  readonly token?: string;
  readonly context?: string;
}

export interface Connection {
  /** e.g. `https://orrery.example.org`, without a slash at its end. */
  readonly url: string;
  /** An API key or a token; asked for anew at each request, as a developer's token lives for an hour. Null: none. */
  token(): string | null;
}

const defaultUrl = "http://127.0.0.1:3000";

const Context = v.strictObject({ url: v.optional(v.string()), token: v.optional(v.string()) });
const Contexts = v.strictObject({
  current: v.optional(v.string()),
  contexts: v.optional(v.record(v.string(), Context), {}),
});
type Context = v.InferOutput<typeof Context>;

type Environment = Readonly<Record<string, string | undefined>>;

export function connectionOf(
  flags: ConnectionFlags,
  environment: Environment = process.env,
  cwd = process.cwd(),
): Connection {
  // An unset variable in `--token $KEY -- …` leaves the dashes for a token.
  if (flags.token === "" || flags.token === "--")
    throw new SetupError("--token is empty: give it an API key (`orrery key create`) or a token, or leave it out");
  const env: Environment = { ...readDotEnv(cwd), ...environment };
  const named = flags.context === undefined ? null : contextOf(flags.context, env);
  const kept = named ?? (env.ORRERY_URL || flags.url ? null : contextOf(null, env));
  const url = checkedUrl(flags.url ?? named?.url ?? (env.ORRERY_URL || kept?.url) ?? defaultUrl);
  // A context's token belongs to its own address; the environment's goes wherever the caller points.
  const token = flags.token ?? named?.token ?? (env.ORRERY_TOKEN || kept?.token);
  if (token) return { url, token: () => checkedToken(token) };
  if (!isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ""))) return { url, token: () => null };
  const dataDir = resolve(cwd, env.ORRERY_DATA || "./data");
  return { url, token: developerToken(dataDir, env) };
}

/** `~/.config/orrery/config.yaml`, or where XDG_CONFIG_HOME says. */
export function contextsPath(env: Environment): string {
  return join(env.XDG_CONFIG_HOME || join(homedir(), ".config"), "orrery", "config.yaml");
}

/** `name` null: the file's `current`, and nothing when there is no file. */
function contextOf(name: string | null, env: Environment): Context | null {
  const path = contextsPath(env);
  if (!existsSync(path)) {
    if (name === null) return null;
    throw new SetupError(`Cannot use the context "${name}" as there is no file ${path}: create it, or give --url`);
  }
  const yaml = new YamlSource(readFileSync(path, "utf8"), path);
  const result = v.safeParse(Contexts, yaml.value ?? {});
  if (!result.success) {
    const [issue] = result.issues;
    const keys = (issue.path ?? []).map((item) => item.key as string | number); // our schemas have no other keys
    throw yaml.error(keys, `it holds "current" and "contexts", each with url and token: ${issue.message}`);
  }
  const { current, contexts } = result.output;
  const wanted = name ?? current;
  if (wanted === undefined) return null;
  const context = Object.hasOwn(contexts, wanted) ? contexts[wanted] : undefined;
  if (context !== undefined) return context;
  throw new SetupError(
    `Cannot use the context "${wanted}" as ${path} has none of this name: it has ${Object.keys(contexts).join(", ") || "none"}`,
  );
}

function checkedUrl(text: string): string {
  const isAddress = URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol);
  if (!isAddress)
    throw new SetupError(`Cannot use "${text}" as the server: an address such as ${defaultUrl} is needed`);
  return text.replace(/\/+$/, "");
}

function checkedToken(text: string): string {
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new SetupError("Cannot use the token as it holds spaces or characters beyond ASCII: copy it anew");
}
