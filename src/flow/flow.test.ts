import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { message } from "../../tests/support/pipeline.ts";
import { until } from "../../tests/support/signal.ts";
import { systemClock } from "../model/clock.ts";
import { createMetrics } from "../observe/metrics.ts";
import { AwayError } from "./away.ts";
import { createFlowCache } from "./cache.ts";
import { createFlowContext } from "./context.ts";
import { createFunctionExecutor } from "./executors/function.ts";
import { createFlow } from "./flow.ts";
import { readFlowFile } from "./flow-file.ts";
import type { FlowModule } from "./hooks.ts";
import { createRecorder } from "./recorder.ts";
import type { Source, SourceListener } from "./source.ts";
import { watchAll } from "./watch.ts";

interface TestFlow {
  readonly module?: FlowModule;
  readonly execute?: (task: { readonly input: unknown }) => unknown;
  readonly open?: () => Promise<void>;
  readonly check?: () => Promise<void>;
}

/** A flow of which the source, the executor and what it looks at first are the test's own. */
function flowOf({ module = {}, execute = () => 1, open = async () => {}, check = async () => {} }: TestFlow) {
  const file = readFlowFile({
    text: "source: { kind: http }\nsinks: {}\ncommit_s: 0.01",
    path: "f.yaml",
    fallbackId: "f",
  });
  const cache = createFlowCache({ flow: "f", ...file.cache, redis: null });
  const context = createFlowContext({ flow: "f", node: "here", cache, metrics: createMetrics() });
  const seen = { commits: [] as number[], warnings: [] as string[], lettersClosed: 0, sourceClosed: 0 };
  const listening: { to?: SourceListener } = {};
  const source: Source = {
    async open(listener) {
      listening.to = listener;
      await open();
    },
    pause() {},
    resume() {},
    async commit(_, nextOffset) {
      seen.commits.push(nextOffset);
    },
    waiting: () => null,
    async close() {
      seen.sourceClosed += 1;
    },
  };
  const flow = createFlow({
    definition: { file, module, inputSchema: null, dir: "/" },
    source,
    sinks: new Map(),
    executor: createFunctionExecutor(async (task) => execute(task), context),
    letters: {
      check,
      async message() {},
      async delivery() {},
      async close() {
        seen.lettersClosed += 1;
      },
    },
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
    log: { warn: (about: { err?: unknown }) => seen.warnings.push(String(about.err)), info() {} } as never,
  });
  return { flow, seen, listening };
}

describe("a flow that is given a partition anew", () => {
  it("commits nothing of what it had open of it before", async () => {
    const held = Promise.withResolvers<void>();
    let ended = 0;
    const { flow, seen, listening } = flowOf({
      async execute({ input }) {
        if ((input as { n: number }).n === 0) await held.promise;
        ended += 1;
        return input;
      },
    });
    await flow.start(false);
    listening.to?.assigned("p");
    listening.to?.messages("p", [message(0), message(1)]);
    await until("the second one is done", () => ended === 1);
    listening.to?.assigned("p"); // without having been revoked, as by a cluster that took this node for dead
    held.resolve();
    await until("what was open would be committed", () =>
      seen.warnings.some((text) => /partition p was given up/.test(text)),
    );
    assert.equal(seen.commits.length, 0);
    listening.to?.messages("p", [message(0), message(1)]);
    await until("the new one has committed", () => seen.commits.includes(2));
    await flow.stop();
    assert.deepEqual(new Set(seen.commits), new Set([2]));
  });
});

describe("a flow that is stopped while it opens", () => {
  /** Stopped while this is waited for, which ends only then. */
  async function stoppedAt(place: "onStart" | "check" | "open" | "onReady") {
    const reached = Promise.withResolvers<void>();
    const going = Promise.withResolvers<void>();
    const calls: string[] = [];
    const at = (here: string) => async () => {
      calls.push(here);
      if (here !== place) return;
      reached.resolve();
      await going.promise;
    };
    const made = flowOf({
      module: {
        onStart: at("onStart"),
        onReady: at("onReady"),
        onRevoke: (partition) => void calls.push(`revoked ${partition}`),
        periodic: { tick: { everyS: 0.001, run: () => void calls.push("tick") } },
      },
      check: at("check"),
      async open() {
        made.listening.to?.assigned("p");
        await at("open")();
      },
    });
    const starting = made.flow.start(false).catch((error: Error) => error.name);
    await reached.promise;
    await made.flow.stop();
    const closedBefore = made.seen.sourceClosed;
    going.resolve();
    assert.equal(await starting, "AbortError");
    await new Promise((resolve) => setTimeout(resolve, 5)); // what had been begun would be due before
    assert.ok(!calls.includes("tick"), calls.join());
    return { calls, closedAgain: made.seen.sourceClosed - closedBefore, ...made };
  }

  it("goes on with nothing after its onStart", async () => {
    const { calls } = await stoppedAt("onStart");
    assert.deepEqual(calls, ["onStart"]);
  });

  it("closes what it has reached meanwhile, and does not read", async () => {
    const { calls, seen } = await stoppedAt("check");
    assert.deepEqual(calls, ["onStart", "check"]);
    assert.equal(seen.lettersClosed, 2);
  });

  for (const place of ["open", "onReady"] as const)
    it(`gives up in ${place} what it reads, once, and begins nothing periodic`, async () => {
      const { calls, closedAgain } = await stoppedAt(place);
      const last = place === "onReady" ? ["onReady"] : [];
      assert.deepEqual(calls, ["onStart", "check", "open", ...last, "revoked p"]);
      assert.equal(closedAgain, 1);
    });

  it("gives up once what still drains when its opening ends", async () => {
    const reached = Promise.withResolvers<void>();
    const going = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const revoked: string[] = [];
    const { flow, listening } = flowOf({
      module: {
        async onReady() {
          reached.resolve();
          await going.promise;
        },
        onRevoke: (partition) => void revoked.push(partition),
      },
      execute: () => held.promise,
    });
    const starting = flow.start(false).catch(() => {});
    await reached.promise;
    listening.to?.assigned("p");
    listening.to?.messages("p", [message(0)]);
    const stopping = flow.stop();
    going.resolve();
    await new Promise((resolve) => setTimeout(resolve, 5)); // both wait for the message now
    assert.deepEqual(revoked, []);
    held.resolve();
    await Promise.all([starting, stopping]);
    assert.deepEqual(revoked, ["p"]);
  });
});

describe("what a flow begins with", () => {
  it("is its onStart, once, however often it is tried to open it", async () => {
    let calls = 0;
    let isAway = true;
    const { flow } = flowOf({
      module: {
        onStart() {
          calls += 1;
        },
      },
      async check() {
        if (isAway) throw new AwayError("away");
      },
    });
    await flow.start(false);
    assert.equal(flow.state.opening.state, "opening");
    assert.equal(calls, 1);
    isAway = false;
    await until("open", () => flow.state.opening.state === "open");
    assert.equal(calls, 1);
    await flow.stop();
  });
});
