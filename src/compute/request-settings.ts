/** What computes and sinks that send requests read at start: secrets and headers from the environment, authorities from a file. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { SetupError } from "../model/errors.ts";
import type { HttpConfig, RayConfig } from "./compute-config.ts";
import { messageOf } from "./function.ts";
import type { Environment } from "./shell.ts";
import { secretFlaw } from "./webhook.ts";

export interface RequestSettings {
  readonly headers: Readonly<Record<string, string>>;
  readonly ca: string | undefined;
}

/** How the refusal of a compute begins. */
export const cannotLoad = (name: string): string => `Cannot load compute "${name}"`;

/** `cannot`: how a refusal begins, with its name, such as `Cannot load compute "plot"`. Throws `SetupError` naming the variable or file that is missing. */
export function requestSettings(
  cannot: string,
  config: Pick<HttpConfig | RayConfig, "headers" | "headers_env" | "ca_file">,
  configDir: string,
  environment: Environment,
): RequestSettings {
  const headers: Record<string, string> = { ...config.headers };
  for (const [header, variable] of Object.entries(config.headers_env ?? {})) {
    headers[header] = variableOf(cannot, variable, environment);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(headers[header]))
      throw new SetupError(`${cannot} as ${variable} holds what cannot stand in a header, such as a line break`);
  }
  return {
    headers,
    ca: authorityOf(cannot, config.ca_file, configDir),
  };
}

/** At least one. A variable may hold several, with spaces between them. */
export function secretsOf(
  cannot: string,
  config: Pick<HttpConfig, "secret" | "secret_env">,
  environment: Environment,
): readonly string[] {
  const secrets = list(config.secret);
  for (const variable of list(config.secret_env)) {
    const found = variableOf(cannot, variable, environment).split(/\s+/);
    const flaw = found.map(secretFlaw).find((flaw) => flaw !== null);
    if (flaw) throw new SetupError(`${cannot} as its secret in ${variable} is unsound: ${flaw}`);
    secrets.push(...found);
  }
  if (secrets.length > 0) return secrets;
  throw new SetupError(`${cannot} as it has no secret to sign with: give it secret or secret_env`);
}

export function variableOf(cannot: string, variable: string, environment: Environment): string {
  const value = environment[variable]?.trim();
  if (value) return value;
  throw new SetupError(`${cannot} as the environment variable ${variable} is not set`);
}

/** PEM of the authorities to trust; undefined when there is no such file to read. */
export function authorityOf(cannot: string, caFile: string | undefined, configDir: string): string | undefined {
  if (caFile === undefined) return undefined;
  try {
    return readFileSync(resolve(configDir, caFile), "utf8");
  } catch (error) {
    throw new SetupError(`${cannot} as its ca_file cannot be read: ${messageOf(error)}`);
  }
}

const list = (value: string | readonly string[] | undefined): string[] =>
  value === undefined ? [] : typeof value === "string" ? [value] : [...value];
