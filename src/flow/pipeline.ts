/**
 * The way of messages through a flow: decoded, arranged into tasks, run, handed to the sinks. A message is done with once every sink has confirmed
 * what came of it, or what could not be done is a durable dead letter.
 */
import type { Reading } from "./decode.ts";
import type { Payloads } from "./hooks.ts";
import { idempotencyKey, type Message, type Position } from "./message.ts";
import { asTask, type Placed, place, type Underway } from "./place.ts";
import type { DeliveryEnd, SinkFeeder } from "./sink-feeder.ts";
import { checkedPayloads, runTask, type TaskAsk, type TaskFailure, type TaskParts, tried } from "./task-run.ts";
import type { FlowWatch } from "./watch.ts";

/** Why a message ends as a dead letter. */
export interface MessageFault extends TaskFailure {
  /** Where it ended. */
  readonly stage: "decode" | "arrange" | "task" | "complete" | "window";
}

export interface PipelineParts extends Omit<TaskParts, "sinks"> {
  readonly decode: (message: Message) => Reading;
  readonly feeders: ReadonlyMap<string, Pick<SinkFeeder, "deliver">>;
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
  /** Instead of the pipeline's own. When it rejects, so does the run. */
  readonly bury?: PipelineParts["bury"];
  readonly watch?: FlowWatch;
  readonly times?: PipelineParts["times"];
  /** Instead of handing payloads to the sinks. */
  readonly deliver?: (origin: Position, key: string, payloads: Payloads) => Promise<void>;
}

type Order = Required<RunOrder> & { readonly tasks: TaskParts };

/** Replacements of replacements: an `onError` that never gives up ends here. */
const replacedMax = 10;

export function createPipeline(parts: PipelineParts): Pipeline {
  const { hooks, policy, feeders } = parts;
  const sinks = [...feeders.keys()];

  return {
    async run(messages, given) {
      const {
        signal,
        done,
        priority = 0,
        bury = parts.bury,
        watch = parts.watch,
        times = parts.times,
        deliver,
      } = given;
      const order: Order = {
        ...{ signal, done, priority, bury, watch, times },
        tasks: { ...parts, sinks, watch, times },
        deliver: deliver ?? ((origin, key, payloads) => deliverAll(origin, key, payloads, watch)),
      };
      watch.begun(messages);
      const underway: Underway[] = [];
      const work: Promise<void>[] = [];
      for (const given of messages) {
        const { message, fault } = parts.decode(given);
        if (message !== null) underway.push({ given, message, open: 0, owned: 0, isBuried: false, results: [] });
        else work.push(buryAtOnce(given, { stage: "decode", error: new Error(fault), attempts: 1 }, order));
      }
      if (underway.length > 0) work.push(runDecoded(underway, order));
      try {
        await settleAll(work);
      } catch (error) {
        watch.abandoned(messages);
        throw error;
      }
    },
  };

  /** One batch. Where the window is completed, its messages are done with after that. */
  async function runDecoded(underway: readonly Underway[], order: Order): Promise<void> {
    if (hooks.onWindowComplete === undefined) return await runArranged(underway, order);
    const done: Message[] = [];
    await runArranged(underway, { ...order, done: (message) => done.push(message) });
    await completeWindow(underway, order);
    for (const message of done) order.done(message);
  }

  async function completeWindow(underway: readonly Underway[], order: Order): Promise<void> {
    const alive = underway.filter(({ isBuried }) => !isBuried);
    const [first] = alive;
    if (first === undefined) return;
    const messages = alive.map(({ message }) => message);
    const results = alive.flatMap((one) => one.results);
    const completed = await tried(policy, order.signal, async () =>
      checkedPayloads(await hooks.onWindowComplete?.(messages, results, parts.context), sinks),
    );
    if (completed.failed !== null) await buryAll(alive, { stage: "window", ...completed.failed }, order);
    else await order.deliver(first.given, idempotencyKey(first.given, "w"), completed.result);
  }

  async function runArranged(underway: readonly Underway[], order: Order): Promise<void> {
    const given = underway.map(({ message }) => message);
    const arranged = await tried(policy, order.signal, async () =>
      place(await (hooks.arrange?.(given, parts.context) ?? given.map(asTask)), underway),
    );
    if (arranged.failed !== null) {
      const fault: MessageFault = { stage: "arrange", ...arranged.failed };
      await settleAll(underway.map(({ given }) => buryAtOnce(given, fault, order)));
      return;
    }
    for (const { of } of arranged.result) for (const one of of) one.open += 1;
    const idle = underway.filter(({ open }) => open === 0);
    await settleAll([
      ...idle.map((one) => complete(one, order)),
      ...arranged.result.map((placed) => runPlaced(placed, order)),
    ]);
  }

  async function runPlaced({ task, known, of }: Placed, order: Order): Promise<void> {
    await runToItsEnd({ task, known, priority: order.priority }, of, order, 0);
    await settleAll(
      of.map(async (one) => {
        one.open -= 1;
        if (one.open === 0) await complete(one, order);
      }),
    );
  }

  /** With all that takes its place: `replaced` counts how often that has happened. */
  async function runToItsEnd(ask: TaskAsk, of: readonly Underway[], order: Order, replaced: number): Promise<void> {
    const { key, origins } = ask.task;
    const end = await runTask(order.tasks, ask, order.signal);
    order.watch.taskEnded(ask.task, end.kind);
    switch (end.kind) {
      case "succeeded":
        for (const one of of) one.results.push(end.result);
        return await order.deliver(origins[0], key, end.payloads);
      case "skipped":
        return;
      case "dead":
        return await buryAll(of, { stage: "task", error: end.error, attempts: end.attempts }, order);
      case "replaced": {
        if (replaced >= replacedMax) {
          const error = new Error(`onError gave other tasks more than ${replacedMax} times`);
          return await buryAll(of, { stage: "task", error, attempts: 1 }, order);
        }
        return await settleAll(
          end.tasks.map((given, index) => {
            const task = { ...given, key: `${key}.${index}`, origins };
            return runToItsEnd({ ...ask, known: null, task }, of, order, replaced + 1);
          }),
        );
      }
      default:
        throw end satisfies never;
    }
  }

  /** All its tasks have ended. */
  async function complete(one: Underway, order: Order): Promise<void> {
    const { given, message, results } = one;
    // What is a dead letter runs as a whole again: half a fan-in now would take the key of the whole one then.
    if (hooks.onMessageComplete !== undefined && !one.isBuried) {
      const completed = await tried(policy, order.signal, async () =>
        checkedPayloads(await hooks.onMessageComplete?.(message, results, parts.context), sinks),
      );
      if (completed.failed !== null) await buryAll([one], { stage: "complete", ...completed.failed }, order);
      else await order.deliver(given, idempotencyKey(given, "m"), completed.result);
    }
    finish(given, order);
  }

  /** The payloads of each sink are counted apart, in their order: so a key is the same each time that the message is run. */
  async function deliverAll(
    { partition, id }: Position,
    key: string,
    payloads: Payloads,
    watch: FlowWatch,
  ): Promise<void> {
    const origin = { partition, id };
    const sent: Promise<void>[] = [];
    for (const [sink, list] of Object.entries(payloads)) {
      const feeder = feeders.get(sink);
      if (feeder === undefined) continue; // checked where they came from
      for (const [index, payload] of list.entries()) {
        const delivery = { key: `${key}.${index}`, origin, payload };
        const beganMs = performance.now();
        const told = (end: DeliveryEnd) =>
          watch.delivered(origin, { sink, key: delivery.key }, end, performance.now() - beganMs);
        sent.push(feeder.deliver(delivery).then(told));
      }
    }
    await settleAll(sent);
  }

  /** Nothing else of the message is under way. */
  async function buryAtOnce(message: Message, fault: MessageFault, order: Order): Promise<void> {
    await order.bury(message, fault);
    order.watch.buried(message, fault);
    finish(message, order);
  }

  function finish(message: Message, { done, watch }: Order): void {
    done(message);
    watch.done(message);
  }

  /** A message is a dead letter once, however many of its tasks failed. */
  async function buryAll(of: readonly Underway[], fault: MessageFault, order: Order): Promise<void> {
    const alive = of.filter(({ isBuried }) => !isBuried);
    for (const one of alive) one.isBuried = true;
    await settleAll(
      alive.map(async ({ given }) => {
        await order.bury(given, fault);
        order.watch.buried(given, fault);
      }),
    );
  }
}

/** Waits for all, then rejects with the first that did: nothing is left running behind who waited. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  if (work.length === 1) return await work[0];
  const failed = (await Promise.allSettled(work)).find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
