/** What every command that talks to a server shares: where the server is, `--json`, examples and exit codes in its help. */
import process from "node:process";
import { Command, InvalidArgumentError, Option } from "commander";
import { type Client, createClient } from "./client.ts";
import { type ConnectionFlags, connectionOf } from "./connection.ts";
import { exitCodesText } from "./exit.ts";

export interface ApiFlags extends ConnectionFlags {
  readonly json?: boolean;
}

/** A command with the flags of the connection. `examples` are whole lines. */
export function apiCommand(name: string, description: string, examples: readonly string[]): Command {
  return new Command(name)
    .description(description)
    .option("--json", "print JSON, for programs")
    .option("--url <url>", "the server (ORRERY_URL, http://127.0.0.1:3000)")
    .option("--token <token>", "an API key or a token (ORRERY_TOKEN)")
    .option("--context <name>", "url and token of this name in ~/.config/orrery/config.yaml")
    .addHelpText("after", `\n${exitCodesText}\n\nExamples:\n${examples.map((line) => `  ${line}`).join("\n")}`);
}

/** A command that only holds others. */
export function groupCommand(
  name: string,
  description: string,
  examples: readonly string[],
  commands: Command[],
): Command {
  const group = new Command(name)
    .description(description)
    .addHelpText("after", `\nExamples:\n${examples.map((line) => `  ${line}`).join("\n")}`);
  for (const command of commands) group.addCommand(command);
  return group;
}

export const clientOf = (flags: ConnectionFlags): Client => createClient(connectionOf(flags));

/** One JSON document for a program, or a text for people. */
export function show(flags: ApiFlags, value: unknown, text: () => string): void {
  const out = flags.json === true ? `${JSON.stringify(value)}\n` : text();
  process.stdout.write(out.endsWith("\n") || out === "" ? out : `${out}\n`);
}

/** Filters and length of a list that the server gives in pages. */
export function withPaging(command: Command): Command {
  return command
    .addOption(
      new Option("-n, --limit <number>", "at most so many rows").argParser(wholeNumber(1, 100_000)).default(50),
    )
    .option("--cursor <cursor>", "go on after this row: `next_cursor` of the list before");
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/.test(text.trim()) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

export function positiveNumber(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value > 0 && value <= max) return value;
    throw new InvalidArgumentError(`It must be a number above 0, at most ${max}.`);
  };
}

/** `a,b` and repeated options alike. */
export function listOf(text: string, before: readonly string[] = []): string[] {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  return [...before, ...parts];
}
