/** A flow's subprocess executor in a folder of its own, and tasks for it. */
import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { Executor, FlowTask, TaskResult } from "../../src/flow/executor.ts";
import { createSubprocessExecutor, type SubprocessExecutorConfig } from "../../src/flow/executors/subprocess.ts";
import { SubprocessError } from "../../src/flow/executors/subprocess-error.ts";
import { alive } from "./alive.ts";
import { until } from "./signal.ts";

export const folder = realpathSync(mkdtempSync(join(tmpdir(), "orrery-subprocess-")));
after(() => rmSync(folder, { recursive: true, force: true }));

export type Settings = Partial<SubprocessExecutorConfig>;

export interface Rig {
  readonly executor: Executor;
  /** In the environment of all its processes. */
  readonly marker: string;
  run(input?: unknown, more?: Partial<FlowTask>, signal?: AbortSignal): Promise<TaskResult>;
  /** Closes it; fails unless nothing of it is alive then. */
  close(): Promise<void>;
}

/** `command`: a script for sh, or a program and its arguments. */
export function executorOf(command: string | string[], settings: Settings = {}, environment = process.env): Rig {
  const marker = `marker-${crypto.randomUUID()}`;
  const argv = typeof command === "string" ? ["sh", "-c", command.replaceAll(/[{}]/g, "$&$&")] : command;
  const executor = createSubprocessExecutor(
    "tracks",
    { kind: "subprocess", command: argv, ...settings, env: { MARKER: marker, ...settings.env } },
    { configDir: folder, environment },
  );
  let tasks = 0;
  return {
    executor,
    marker,
    run: (input = null, more = {}, signal = new AbortController().signal) =>
      executor.run({ key: `key-${tasks++}`, origins: [{ partition: "p", id: "0" }], input, ...more }, signal),
    async close() {
      await executor.close();
      assert.deepEqual(alive(marker), []);
    },
  };
}

/** The one task of an executor that is closed thereafter. Nothing may be left alive as soon as the task has ended. */
export async function runOne(command: string | string[], settings: Settings = {}, input: unknown = null) {
  const rig = executorOf(command, settings);
  try {
    return await rig.run(input);
  } finally {
    assert.deepEqual(alive(rig.marker), []);
    await rig.close();
  }
}

export async function failureOf(work: Promise<unknown>): Promise<SubprocessError> {
  const error = await work.then(
    (result) => assert.fail(`it succeeded: ${JSON.stringify(result)}`),
    (error: unknown) => error,
  );
  assert.ok(error instanceof SubprocessError, String(error));
  return error;
}

export const someAlive = (marker: string, count = 1) =>
  until(`${count} processes run`, () => alive(marker).length >= count);
