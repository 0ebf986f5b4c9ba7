/** What a command is given beside its flags: JSON, files, standard input, `name=value` pairs. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { SetupError } from "../model/errors.ts";
import { parseJson } from "../model/json.ts";

/** JSON, `@file` or `-`. Undefined stays so. */
export function readJson(given: string | undefined, option: string): unknown {
  if (given === undefined) return undefined;
  const text =
    given === "-" ? readFileSync(process.stdin.fd, "utf8") : given.startsWith("@") ? fileText(given.slice(1)) : given;
  try {
    return parseJson(text);
  } catch (error) {
    throw new SetupError(
      `Cannot use ${option} as it is not JSON (${error instanceof Error ? error.message : error}): quote it for the shell, or give @file`,
    );
  }
}

export function fileText(path: string): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(fileOctets(path));
}

export function fileOctets(path: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(readFileSync(path === "-" ? process.stdin.fd : path));
  } catch (error) {
    throw new SetupError(`Cannot read ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

/** `NAME=VALUE`, one after the other. */
export function pairOf(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new SetupError(`Cannot use "${text}": NAME=VALUE is needed, such as day=2026-01-31`);
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** `3`, `true` and `[1]` are JSON, `2026-01-31` and `abc` are texts. */
export function jsonOrText(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}
