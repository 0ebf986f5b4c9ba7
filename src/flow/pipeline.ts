/**
 * The way of messages through a flow: decoded, arranged into tasks, run, handed to the sinks. A message is done with once every sink has confirmed
 * what came of it, or what could not be done is a durable dead letter.
 */
import { pause } from "../jobs/backoff.ts";
import { delayMs } from "../jobs/retry-policy.ts";
import type { Reading } from "./decode.ts";
import type { Payloads } from "./hooks.ts";
import { idempotencyKey, type Message } from "./message.ts";
import { asTask, type Placed, pathOf, place, type Underway } from "./place.ts";
import type { SinkFeeder } from "./sink-feeder.ts";
import { checkedPayloads, errorOf, runTask, type TaskAsk, type TaskEnd, type TaskParts } from "./task-run.ts";

/** Why a message ends as a dead letter. */
export interface MessageFault {
  /** Where it ended. */
  readonly stage: "decode" | "arrange" | "task" | "complete";
  readonly error: Error;
  readonly attempts: number;
}

export interface PipelineParts extends Omit<TaskParts, "sinks"> {
  readonly decode: (message: Message) => Reading;
  readonly feeders: ReadonlyMap<string, Pick<SinkFeeder, "deliver" | "room" | "roomed">>;
  /** Resolves once the dead letter is durable; rejects when the flow stops first. */
  readonly bury: (message: Message, fault: MessageFault) => Promise<void>;
}

export interface Pipeline {
  /**
   * Runs messages of one partition, in order. `done` is called for each once it may be committed. Resolves when all are; rejects, after the others
   * have settled, when one could not be: `signal` aborted or a sink's feeder stopped. Such a message is to be run again.
   */
  run(messages: readonly Message[], order: RunOrder): Promise<void>;
}

export interface RunOrder {
  readonly signal: AbortSignal;
  readonly done: (message: Message) => void;
  /** 0 for messages of a queue; requests go before them. */
  readonly priority?: number;
}

/** Replacements of replacements: an `onError` that never gives up ends here. */
const replacedMax = 10;

export function createPipeline(parts: PipelineParts): Pipeline {
  const { hooks, policy, feeders } = parts;
  const sinks = [...feeders.keys()];
  const taskParts: TaskParts = { ...parts, sinks };

  /** One batch. */
  return {
    async run(messages, { signal, done, priority = 0 }) {
      const underway: Underway[] = [];
      const work: Promise<void>[] = [];
      for (const given of messages) {
        const { message, fault } = parts.decode(given);
        if (message !== null) underway.push({ given, message, open: 0, owned: 0, isBuried: false, results: [] });
        else work.push(bury(given, { stage: "decode", error: new Error(fault), attempts: 1 }).then(() => done(given)));
      }
      if (underway.length > 0) work.push(runDecoded(underway, { signal, done, priority }));
      await settleAll(work);
    },
  };

  async function runDecoded(underway: readonly Underway[], order: Required<RunOrder>): Promise<void> {
    const arranged = await arrange(underway, order.signal);
    if (!Array.isArray(arranged)) {
      const fault: MessageFault = { stage: "arrange", ...arranged };
      await settleAll(underway.map(({ given }) => bury(given, fault).then(() => order.done(given))));
      return;
    }
    const tasks = arranged.map(({ task, known, of }) => {
      for (const one of of) one.open += 1;
      return { ask: { task, known, priority: order.priority }, of };
    });
    const idle = underway.filter(({ open }) => open === 0);
    await settleAll([
      ...idle.map((one) => complete(one, order)),
      ...tasks.map(({ ask, of }) => runOne(ask, of, pathOf(ask.task), order, 0)),
    ]);
  }

  /** Tasks with the messages that each is for, or why there are none. */
  async function arrange(
    underway: readonly Underway[],
    signal: AbortSignal,
  ): Promise<Placed[] | Pick<MessageFault, "error" | "attempts">> {
    const given = underway.map(({ message }) => message);
    for (let attempt = 1; ; attempt++) {
      try {
        const arranged = await (hooks.arrange?.(given) ?? given.map(asTask));
        return place(arranged, underway);
      } catch (thrown) {
        signal.throwIfAborted();
        if (attempt >= policy.attemptsMax) return { error: errorOf(thrown), attempts: attempt };
        await pause(delayMs(attempt, Math.random(), policy.retry), signal);
        signal.throwIfAborted();
      }
    }
  }

  async function runOne(
    ask: TaskAsk,
    of: readonly Underway[],
    path: string,
    order: Required<RunOrder>,
    depth: number,
  ): Promise<void> {
    const end = await runTask(taskParts, ask, order.signal);
    await ended(end, ask, of, path, order, depth);
    if (depth > 0) return;
    await settleAll(
      of.map(async (one) => {
        one.open -= 1;
        if (one.open === 0) await complete(one, order);
      }),
    );
  }

  async function ended(
    end: TaskEnd,
    ask: TaskAsk,
    of: readonly Underway[],
    path: string,
    order: Required<RunOrder>,
    depth: number,
  ): Promise<void> {
    switch (end.kind) {
      case "succeeded":
        for (const one of of) one.results.push(end.result);
        return await deliverAll(of[0]?.given, path, end.payloads);
      case "skipped":
        return;
      case "dead":
        return await buryAll(of, { stage: "task", error: end.error, attempts: end.attempts });
      case "replaced": {
        if (depth >= replacedMax) {
          const error = new Error(`onError gave other tasks more than ${replacedMax} times`);
          return await buryAll(of, { stage: "task", error, attempts: 1 });
        }
        const { origins } = ask.task;
        return await settleAll(
          end.tasks.map((task, index) => {
            const inner = `${path}.${index}`;
            const key = `${ask.task.key}.${index}`;
            return runOne({ ...ask, known: null, task: { ...task, key, origins } }, of, inner, order, depth + 1);
          }),
        );
      }
      default:
        throw end satisfies never;
    }
  }

  /** All its tasks have ended. */
  async function complete(one: Underway, { signal, done }: Required<RunOrder>): Promise<void> {
    // What is a dead letter runs as a whole again: half a fan-in now would take the key of the whole one then.
    if (hooks.onMessageComplete !== undefined && !one.isBuried) {
      const payloads = await completed(one, signal);
      if (payloads instanceof Error)
        await buryAll([one], { stage: "complete", error: payloads, attempts: policy.attemptsMax });
      else await deliverAll(one.given, "m", payloads);
    }
    done(one.given);
  }

  async function completed({ message, results }: Underway, signal: AbortSignal): Promise<Payloads | Error> {
    for (let attempt = 1; ; attempt++) {
      try {
        return checkedPayloads(await hooks.onMessageComplete?.(message, results), sinks);
      } catch (thrown) {
        signal.throwIfAborted();
        if (attempt >= policy.attemptsMax) return errorOf(thrown);
        await pause(delayMs(attempt, Math.random(), policy.retry), signal);
        signal.throwIfAborted();
      }
    }
  }

  /** The payloads of each sink are counted apart, in their order: so a key is the same each time that the message is run. */
  async function deliverAll(origin: Message | undefined, path: string, payloads: Payloads): Promise<void> {
    if (origin === undefined) return;
    const { partition, id } = origin;
    const sent: Promise<void>[] = [];
    for (const [sink, list] of Object.entries(payloads)) {
      const feeder = feeders.get(sink);
      if (feeder === undefined) continue; // checked where they came from
      for (const [index, payload] of list.entries()) {
        while (feeder.room === 0) {
          await feeder.roomed();
        }
        const key = idempotencyKey(origin, `${path}.${index}`);
        sent.push(feeder.deliver({ key, origin: { partition, id }, payload }));
      }
    }
    await settleAll(sent);
  }

  function bury(message: Message, fault: MessageFault): Promise<void> {
    return parts.bury(message, fault);
  }

  /** A message is a dead letter once, however many of its tasks failed. */
  async function buryAll(of: readonly Underway[], fault: MessageFault): Promise<void> {
    const alive = of.filter(({ isBuried }) => !isBuried);
    for (const one of alive) one.isBuried = true;
    await settleAll(alive.map(({ given }) => bury(given, fault)));
  }
}

/** Waits for all, then rejects with the first that did: nothing is left running behind who waited. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  if (work.length === 1) return await work[0];
  const failed = (await Promise.allSettled(work)).find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
