/** How a command ends that did not work: a sentence for what the operator can change, a stack trace for our defects only. */
import process from "node:process";
import { CommanderError } from "commander";
import { SetupError } from "../model/errors.ts";
import { SqlError } from "../store/sql.ts";
import { CommandError, type ExitCode } from "./exit.ts";

/** 0: done; 1: it failed while running; 2: the command or the configuration is wrong; the others are in exit.ts. */
export function fail(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // it has said why itself
  if (error instanceof CommandError) return error.message === "" ? error.exitCode : say(error.message, error.exitCode);
  if (error instanceof SetupError) return say(error.message, 2);
  if (error instanceof SqlError && error.fault !== "defect") return say(`Cannot use the database: ${error.message}`, 1);
  return say(error instanceof Error ? (error.stack ?? error.message) : String(error), 1);
}

function say<Code extends ExitCode>(text: string, code: Code): Code {
  process.stderr.write(`orrery: ${text}\n`);
  return code;
}
