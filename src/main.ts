#!/usr/bin/env bun
/** The command line: `orrery` serves, the other commands are in cli/. */
import process from "node:process";
import { fail } from "./cli/fail.ts";
import { createProgram } from "./cli/program.ts";
import type { Config } from "./config.ts";
import type { Log } from "./observe/log.ts";
import type { Runtime } from "./runtime.ts";

try {
  await createProgram(startNode).parseAsync(process.argv);
} catch (error) {
  process.exitCode = fail(error);
}

/** Loaded late: no other command needs a node. */
async function startNode(config: Config, log: Log): Promise<Runtime> {
  const { open } = await import("./runtime.ts");
  const runtime = await open(config, { log });
  if (config.example) {
    const { runExample } = await import("./example.ts");
    void runExample(runtime);
  }
  return runtime;
}
