import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { message } from "../../tests/support/pipeline.ts";
import { until } from "../../tests/support/signal.ts";
import { systemClock } from "../model/clock.ts";
import { createMetrics } from "../observe/metrics.ts";
import { createFlowCache } from "./cache.ts";
import { createFlowContext } from "./context.ts";
import { createFunctionExecutor } from "./executors/function.ts";
import { createFlow } from "./flow.ts";
import { readFlowFile } from "./flow-file.ts";
import { createRecorder } from "./recorder.ts";
import type { Source, SourceListener } from "./source.ts";
import { watchAll } from "./watch.ts";

describe("a flow that is given a partition anew", () => {
  it("commits nothing of what it had open of it before", async () => {
    const file = readFlowFile({
      text: "source: { kind: http }\nsinks: {}\ncommit_s: 0.01",
      path: "f.yaml",
      fallbackId: "f",
    });
    const cache = createFlowCache({ flow: "f", ...file.cache, redis: null });
    const context = createFlowContext({ flow: "f", node: "here", cache, metrics: createMetrics() });
    const commits: number[] = [];
    const refusals: string[] = [];
    let listener: SourceListener | undefined;
    const source: Source = {
      async open(given) {
        listener = given;
      },
      pause() {},
      resume() {},
      async commit(_, nextOffset) {
        commits.push(nextOffset);
      },
      waiting: () => null,
      async close() {},
    };
    const held = Promise.withResolvers<void>();
    let ended = 0;
    const execute = async ({ input }: { readonly input: unknown }) => {
      if ((input as { n: number }).n === 0) await held.promise;
      ended += 1;
      return input;
    };
    const flow = createFlow({
      definition: { file, module: {}, inputSchema: null, dir: "/" },
      source,
      sinks: new Map(),
      executor: createFunctionExecutor(execute, context),
      letters: { async check() {}, async message() {}, async delivery() {}, async close() {} },
      recorder: createRecorder({
        policy: file.recorder,
        nodeId: "here",
        labelOf: () => null,
        onLong() {},
        async store() {},
        nowMs: () => performance.now(),
      }),
      context,
      watch: watchAll([]),
      clock: systemClock,
      log: { warn: (about: { err?: unknown }) => refusals.push(String(about.err)), info() {} } as never,
    });
    await flow.start(false);
    listener?.assigned("p");
    listener?.messages("p", [message(0), message(1)]);
    await until("the second one is done", () => ended === 1);
    listener?.assigned("p"); // without having been revoked, as by a cluster that took this node for dead
    held.resolve();
    await until("what was open would be committed", () =>
      refusals.some((text) => /partition p was given up/.test(text)),
    );
    assert.equal(commits.length, 0);
    listener?.messages("p", [message(0), message(1)]);
    await until("the new one has committed", () => commits.includes(2));
    await flow.stop();
    assert.deepEqual(new Set(commits), new Set([2]));
  });
});
