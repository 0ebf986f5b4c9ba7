/** What every sink is made with, and how one says that it cannot be used. */
import type { Environment } from "../../compute/shell.ts";

export interface SinkParts {
  /** Relative paths start here. */
  readonly configDir: string;
  /** Where the variables are looked up that a sink names. */
  readonly environment: Environment;
}

/** How a refusal begins. */
export const cannotUse = (sink: string): string => `Cannot use sink "${sink}"`;
