/** What every source is made with, and how one says that it cannot be used. */
import type { Environment } from "../../compute/shell.ts";
import type { Log } from "../../observe/log.ts";
import type { Sql } from "../../store/sql.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";

export interface SourceParts {
  /** Relative paths start here. */
  readonly configDir: string;
  /** Where the variables are looked up that a source names. */
  readonly environment: Environment;
  readonly sql: Sql;
  readonly nodeId: string;
  /** Where packets of passes are that are not archived yet. */
  readonly telemetry: Pick<Telemetry, "kind" | "read">;
  readonly log: Pick<Log, "warn">;
}

/** How a refusal begins. */
export const cannotUseSource = (flow: string): string => `Cannot use source of flow "${flow}"`;
