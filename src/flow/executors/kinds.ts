/** The kinds of executors there are: what each may say in a flow's file, and how it is made. */
import * as v from "valibot";
import { SetupError } from "../../model/errors.ts";
import type { Executor } from "../executor.ts";
import type { FlowContext, FlowModule } from "../hooks.ts";
import { createFunctionExecutor } from "./function.ts";
import { createSubprocessExecutor, type SubprocessParts, subprocessExecutor } from "./subprocess.ts";

const functionExecutor = v.strictObject({ kind: v.literal("function") });

export const executorSchemas = { function: functionExecutor, subprocess: subprocessExecutor };

export type ExecutorConfig = v.InferOutput<(typeof executorSchemas)[keyof typeof executorSchemas]>;

export interface ExecutorParts extends SubprocessParts {
  readonly module: FlowModule;
  readonly context: FlowContext;
}

/** Throws `SetupError` when it cannot be used here. */
export function createExecutor(flow: string, config: ExecutorConfig, parts: ExecutorParts): Executor {
  const { execute } = parts.module;
  switch (config.kind) {
    case "function":
      return createFunctionExecutor(execute ?? (({ input }) => input), parts.context);
    case "subprocess":
      if (execute === undefined) return createSubprocessExecutor(flow, config, parts);
      throw new SetupError(
        `Cannot use executor of flow "${flow}": it is a program, and its module has execute as well`,
      );
    default:
      throw config satisfies never;
  }
}
