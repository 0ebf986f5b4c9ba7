import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { flow, message, messages } from "../../tests/support/pipeline.ts";
import type { FlowTask } from "./executor.ts";
import type { FlowHooks } from "./hooks.ts";
import type { Message } from "./message.ts";

const sorted = (ids: readonly string[]) => [...ids].sort((one, other) => Number(one) - Number(other));

describe("the pipeline of a flow", () => {
  it("brings each message's output to every sink under its key, more of them than a batch holds", async () => {
    const { run, written, done } = flow({ execute: ({ input }) => ({ got: input }) });
    await run(messages(50));
    assert.equal(written.a.size, 50);
    assert.deepEqual(written.a.get("f:p:7:0.0"), { got: { n: 7 } });
    assert.deepEqual([...written.b.keys()].sort(), [...written.a.keys()].sort());
    assert.deepEqual(
      sorted(done),
      messages(50).map(({ id }) => id),
    );
  });

  it("makes a message that is no JSON, or does not fit, a dead letter, and the others go on", async () => {
    const schema = { type: "object", required: ["n"], properties: { n: { type: "integer" } } };
    const { run, written, letters, done } = flow({ schema });
    await run([message(0), { ...message(1), value: "{" }, message(2, { n: "two" }), message(3), bytesOf(4)]);
    assert.deepEqual(sorted([...written.a.keys()].map((key) => key.split(":")[2] ?? "")), ["0", "3"]);
    assert.deepEqual(
      letters.map(([id, stage]) => [id, stage]),
      [
        ["1", "decode"],
        ["2", "decode"],
        ["4", "decode"],
      ],
    );
    assert.match(letters[1]?.[2] ?? "", /does not fit the flow's input: n must be integer/);
    assert.deepEqual(sorted(done), ["0", "1", "2", "3", "4"]);
  });

  it("runs a task for several messages, several for one, and none; keys count those of a message", async () => {
    const hooks: FlowHooks = {
      arrange: (batch) => {
        const [first, second] = batch;
        if (first === undefined || second === undefined) return [];
        return [
          { messages: [first, second], input: "both" },
          { messages: [first], input: "one" },
          { messages: [second], input: null, result: "known" },
        ];
      },
      onTaskComplete: (_task, { output }) => ({ a: [output, `${output}!`] }),
    };
    const ran: unknown[] = [];
    const { run, written, done } = flow({ hooks, execute: ({ input }) => ran.push(input) && input });
    await run(messages(3));
    assert.deepEqual(Object.fromEntries(written.a), {
      "f:p:0:0.0": "both",
      "f:p:0:0.1": "both!",
      "f:p:0:1.0": "one",
      "f:p:0:1.1": "one!",
      "f:p:1:0.0": "known",
      "f:p:1:0.1": "known!",
    });
    assert.deepEqual([ran, written.b.size, sorted(done)], [["both", "one"], 0, ["0", "1", "2"]]);
  });

  it("hands a message's results together to onMessageComplete once all its tasks have ended", async () => {
    const hooks: FlowHooks = {
      arrange: (batch) => batch.flatMap((one) => [1, 2, 3].map((input) => ({ messages: [one], input }))),
      onTaskComplete: () => ({}),
      onMessageComplete: ({ id }, results) => ({
        b: [{ id, sum: results.reduce((sum, { output }) => sum + Number(output), 0) }],
      }),
    };
    const { run, written } = flow({ hooks });
    await run(messages(2));
    assert.deepEqual(Object.fromEntries(written.b), {
      "f:p:0:m.0": { id: "0", sum: 6 },
      "f:p:1:m.0": { id: "1", sum: 6 },
    });
  });

  it("tries a task that failed again, and makes its message a dead letter, once, when its attempts are used up", async () => {
    let tries = 0;
    const hooks: FlowHooks = {
      arrange: (batch) =>
        batch.flatMap((one) => [0, 1].map((part) => ({ messages: [one], input: { id: one.id, part } }))),
      onMessageComplete: () => ({ b: ["half"] }),
    };
    const execute = ({ input }: FlowTask) => {
      if ((input as { id: string }).id === "1") throw new Error("always");
      tries += 1;
      if (tries === 1) throw new Error("once");
      return "fine";
    };
    const { run, written, letters, done } = flow({ hooks, execute });
    await run(messages(2));
    assert.deepEqual(letters, [["1", "task", "always"]]);
    assert.deepEqual([sorted(done), [...written.b.keys()].includes("f:p:1:m.0")], [["0", "1"], false]);
    assert.equal(written.a.size, 2);
  });

  it("does as onError says: skips, gives up at once, or runs other tasks in its place", async () => {
    const attempts: number[] = [];
    const hooks: FlowHooks = {
      onError: ({ input }, _error, attempt) => {
        attempts.push(attempt);
        const { n } = input as { n: number };
        if (n === 0) return "skip";
        if (n === 1) return "dlq";
        return { tasks: [{ input: "left" }, { input: "right" }] };
      },
    };
    const execute = ({ input }: FlowTask) => {
      if (typeof input === "object") throw new Error("no");
      return input;
    };
    const { run, written, letters, done } = flow({ hooks, execute });
    await run(messages(3));
    assert.deepEqual(attempts, [1, 1, 1]);
    assert.deepEqual(letters, [["1", "task", "no"]]);
    assert.deepEqual(Object.fromEntries(written.a), { "f:p:2:0.0.0": "left", "f:p:2:0.1.0": "right" });
    assert.deepEqual(sorted(done), ["0", "1", "2"]);
  });

  it("ends an onError that gives other tasks for ever", async () => {
    const hooks: FlowHooks = { onError: () => ({ tasks: [{ input: 1 }] }) };
    const { run, letters } = flow({
      hooks,
      execute: () => {
        throw new Error("no");
      },
    });
    await run([message(0)]);
    assert.match(letters[0]?.[2] ?? "", /more than 10 times/);
  });

  it("takes a hook that throws, or answers nonsense, for an attempt that failed", async () => {
    const broken: FlowHooks[] = [
      { arrange: () => [{ messages: [], input: 1 }] },
      { arrange: (batch) => [{ messages: [{ ...(batch[0] ?? assert.fail()) }], input: 1 }] },
      { onTaskComplete: () => ({ nowhere: [1] }) },
      { onTaskComplete: () => assert.fail("broken") },
      { onMessageComplete: () => assert.fail("broken") },
      { taskPriority: () => assert.fail("broken") },
      {
        onError: () => assert.fail("broken too"),
        onTaskComplete: () => assert.fail("broken"),
      },
    ];
    const reasons: string[] = [];
    for (const hooks of broken) {
      const { run, letters, done } = flow({ hooks });
      await run([message(0)]);
      assert.deepEqual(done, ["0"]);
      reasons.push(`${letters[0]?.[1]}: ${letters[0]?.[2]}`);
    }
    assert.deepEqual(reasons, [
      "arrange: a task of arrange must name messages that it was given, at least one",
      "arrange: a task of arrange must name messages that it was given, at least one",
      'task: There is no sink "nowhere": this flow has a, b',
      "task: broken",
      "complete: broken",
      "task: broken",
      "task: broken too",
    ]);
  });

  it("ends a task that takes too long, also one that does not heed its signal", async () => {
    const { run, letters, times } = flow({ timeoutMs: 5, execute: () => new Promise(() => {}) });
    await run([message(0)]);
    assert.match(letters[0]?.[2] ?? "", /no answer within 0.005 s/);
    const { attempts, failed, timedOut, recent } = times.state;
    assert.deepEqual([attempts, failed, timedOut], [3, 3, 3]);
    assert.ok((recent?.p50Ms ?? 0) >= 4);
  });

  it("times tasks without their wait for a turn, and no task whose result is known", async () => {
    const gate = Promise.withResolvers<void>();
    let nth = 0;
    const { run, times } = flow({
      concurrency: 1,
      hooks: {
        arrange: (batch) => batch.map((one, i) => ({ messages: [one], input: i, ...(i > 1 && { result: "known" }) })),
      },
      execute: () => (nth++ === 0 ? gate.promise : 1),
    });
    setTimeout(gate.resolve, 60);
    await run(messages(3));
    const { attempts, failed, recent } = times.state;
    assert.deepEqual([attempts, failed, recent?.attempts], [2, 0, 2]);
    assert.ok((recent?.p50Ms ?? 60) < 50, `${recent?.p50Ms} ms of one that waited for a turn`);
  });

  it("begins tasks by their priority, and requests before messages of a queue", async () => {
    const order: unknown[] = [];
    const gate = Promise.withResolvers<void>();
    const { run } = flow({
      concurrency: 1,
      hooks: { taskPriority: ({ input }) => (input as { n: number }).n },
      execute: async ({ input }) => {
        order.push((input as { n: number }).n);
        await gate.promise;
      },
    });
    const queue = run(messages(3));
    await new Promise(setImmediate);
    const request = run([message(9, { n: 0 })], undefined, 100);
    await new Promise(setImmediate);
    gate.resolve();
    await Promise.all([queue, request]);
    assert.deepEqual(order, [0, 0, 2, 1]);
  });

  it("leaves what was not done unconfirmed when the flow stops", async () => {
    const stopping = new AbortController();
    const { run, done, letters } = flow({
      execute: ({ input }) => ((input as { n: number }).n === 0 ? "fine" : new Promise(() => {})),
    });
    const running = run(messages(3), stopping.signal);
    while (done.length === 0) await new Promise(setImmediate);
    stopping.abort(new Error("the flow stops"));
    await assert.rejects(running, /the flow stops/);
    assert.deepEqual([done, letters], [["0"], []]);
  });

  it("leaves a message unconfirmed whose sink stopped before it answered", async () => {
    const { run, done, feeders } = flow();
    for (const feeder of feeders.values()) await feeder.stop();
    await assert.rejects(run(messages(20)), /the flow stops/);
    assert.deepEqual(done, []);
  });

  it("gives the same keys each time, whatever the batches and the order in which tasks end", async () => {
    const hooks: FlowHooks = {
      arrange: (batch) =>
        batch.flatMap((one) => [1, 2].map((part) => ({ messages: [one], input: [one.id, part].join("/") }))),
    };
    const keysOf = async (sizes: readonly number[], delays: readonly number[]) => {
      let at = 0;
      const { run, written } = flow({
        hooks,
        execute: async ({ input }) => {
          for (let hop = delays[at++ % delays.length] ?? 0; hop > 0; hop--) await null;
          return input;
        },
      });
      const left = messages(6);
      for (const size of sizes) await run(left.splice(0, size));
      await run(left);
      return [...written.a].sort();
    };
    const plain = await keysOf([], [0]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }),
        fc.array(fc.nat(9), { minLength: 1, maxLength: 5 }),
        async (sizes, delays) => assert.deepEqual(await keysOf(sizes, delays), plain),
      ),
      { numRuns: 30 },
    );
  });
});

function bytesOf(offset: number): Message {
  return { ...message(offset), value: Uint8Array.of(0x22, 0xff, 0x22) };
}
