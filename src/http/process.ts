/**
 * `POST /process/{flow}`: a flow as a function that is called. The same executor, hooks and schema as its messages have; per client so many inputs a
 * minute, a deadline, a bounded queue. The answer says what ran where, for how long, and what became of it.
 */
import { type Context, Hono } from "hono";
import type { Flow } from "../flow/flow.ts";
import type { ProcessPolicy } from "../flow/flow-file.ts";
import type { Message } from "../flow/message.ts";
import type { ProcessedInput } from "../flow/process-run.ts";
import { roundedMs, shownAttempt } from "../flow/shown-attempt.ts";
import { InvalidFieldError, NotFoundError, OrreryError, OverloadedError } from "../model/errors.ts";
import { FlowBusyError, FlowDeadlineError, FlowInputError, FlowRateError } from "../model/flow-errors.ts";
import { newTimeUuid } from "../model/ids.ts";
import { jsonTextOf } from "../model/json.ts";
import type { Caller } from "../model/service.ts";
import { json } from "./answer.ts";
import { requireRole } from "./auth.ts";
import { jsonBodyText, parseBody } from "./body.ts";
import { checked } from "./check.ts";
import { knownFlow } from "./known-flow.ts";
import type { AppParts } from "./parts.ts";
import { batchMax, ProcessBatch } from "./process-schemas.ts";
import { numberOf, queryOf } from "./query.ts";
import { requireOpenToShips } from "./ship-scope.ts";

/** Who brings no token. No service may be called so: services have names of their own. */
const anonymous = "anonymous";
/** Where the messages lie that are made of inputs. */
const partition = "process";

interface Called {
  readonly id: string;
  readonly flow: Flow;
  readonly policy: ProcessPolicy;
}

export function processRoutes({ flows, auth, clock, metrics }: AppParts): Hono {
  const routes = new Hono();

  routes.post("/process/:flow", (c) =>
    called(c, async (flow, client, requestId) => {
      const input = parseBody(await jsonBodyText(c.req.raw));
      const [run] = await answers(flow, client, [input], requestId, deadlineOf(c, flow));
      if (run?.processed.fault?.stage === "decode")
        throw new FlowInputError(run.processed.fault.error.message, requestId);
      return envelope(flow, client, requestId, run);
    }),
  );

  routes.post("/process/:flow/batch", (c) =>
    called(c, async (flow, client, requestId) => {
      const parsed = parseBody(await jsonBodyText(c.req.raw));
      const { inputs } = checked(ProcessBatch, parsed);
      if (inputs.length === 0 || inputs.length > batchMax)
        throw new InvalidFieldError(
          "inputs",
          `a list of 1 to ${batchMax} inputs is needed, this one has ${inputs.length}`,
        );
      const runs = await answers(flow, client, inputs, requestId, deadlineOf(c, flow));
      return {
        request_id: requestId,
        count: runs.length,
        failed: runs.filter(({ processed }) => processed.fault !== null).length,
        results: runs.map((run, i) => envelope(flow, client, `${requestId}-${i}`, run)),
      };
    }),
  );

  /** Who calls what, before anything is read; counts how it ended. */
  async function called(
    c: Context,
    answer: (flow: Called, client: string, requestId: string) => Promise<object>,
  ): Promise<Response> {
    const requestId = newTimeUuid();
    const flow = known(c.req.param("flow") ?? "");
    const client = await clientOf(c, flow);
    try {
      flow.flow.requireOpen();
      const response = json(await answer(flow, client, requestId));
      metrics.flows.requests.labels(flow.id, client, "200").inc();
      return response;
    } catch (error) {
      const status = error instanceof OrreryError ? error.status : 500;
      metrics.flows.requests.labels(flow.id, client, String(status)).inc();
      throw error;
    }
  }

  function known(name: string): Called {
    const flow = knownFlow(flows, name);
    const policy = flow.definition.file.process;
    if (policy === null) throw new NotFoundError("flow", name, ": its file has no key process, so it is not called");
    return { id: name, flow, policy };
  }

  async function clientOf(c: Context, { policy }: Called): Promise<string> {
    const { headers } = c.req.raw;
    const isNobody = !headers.has("authorization") && !headers.has("x-api-key");
    if (isNobody && policy.anonymousPerMin !== null) return anonymous;
    const caller: Caller = await auth.callerFrom(c.req.raw);
    requireOpenToShips(caller, {}, { method: "POST", path: c.req.path });
    requireRole(caller, "publish");
    return caller.service;
  }

  /** All of them, or none. Returns what gives their room back. */
  async function admit({ id, flow, policy }: Called, client: string, count: number): Promise<() => void> {
    const giveBack = flow.requests.reserve(count, policy.queuedMax);
    if (giveBack === null) throw new FlowBusyError(id, policy.queuedMax);
    const perMin = limitOf(policy, client);
    const waitMs = await flows.rateLimit.take(`${id}:${client}`, perMin, count);
    if (waitMs === 0) return giveBack;
    giveBack();
    throw new FlowRateError(id, client, perMin, waitMs);
  }

  interface Run {
    readonly processed: ProcessedInput;
    readonly receivedAt: string;
    readonly tookMs: number;
  }

  async function answers(
    flow: Called,
    client: string,
    inputs: readonly unknown[],
    requestId: string,
    deadlineMs: number,
  ): Promise<Run[]> {
    const { id } = flow;
    const isOne = inputs.length === 1;
    const giveBack = await admit(flow, client, inputs.length);
    const work = Promise.all(
      inputs.map((input, i) => run(flow, input, isOne ? requestId : `${requestId}-${i}`)),
    ).finally(giveBack);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), deadlineMs);
    });
    try {
      const runs = await Promise.race([work, late]);
      if (runs !== null) return runs;
    } catch (error) {
      throw new OverloadedError(`Flow "${id}" was stopped: try again`, {}, { cause: error });
    } finally {
      clearTimeout(timer);
    }
    void work.then(
      (runs) => metrics.flows.late.labels(id).inc(runs.length),
      () => undefined, // it stops
    );
    throw new FlowDeadlineError(id, requestId, deadlineMs);
  }

  async function run({ id: name, flow, policy }: Called, input: unknown, id: string): Promise<Run> {
    const receivedAt = clock.now();
    const beganMs = clock.monotonicMs();
    const message: Message = {
      ...{ flow: name, partition, id, offset: 0, key: null, headers: {} },
      value: jsonTextOf(input) ?? "null",
      timestampMs: Date.now(),
    };
    const processed = await flow.requests.process(message, policy.delivers ? "delivered" : "withheld");
    return { processed, receivedAt, tookMs: clock.monotonicMs() - beganMs };
  }

  function envelope({ id, flow, policy }: Called, client: string, requestId: string, run: Run | undefined): object {
    if (run === undefined) throw new Error("an input has no answer");
    const { processed, receivedAt, tookMs } = run;
    const { tasks, fault, deliveries } = processed;
    const cache = flow.cache.counts;
    const outputs = tasks.flatMap(({ attempts, end }) =>
      end === "succeeded" ? [attempts.at(-1)?.result?.output] : [],
    );
    const count = (wanted: string) => tasks.filter(({ end }) => end === wanted).length;
    return {
      request_id: requestId,
      flow: id,
      node: flows.nodeId,
      client,
      status: fault === null ? "done" : "failed",
      error: fault === null ? null : { stage: fault.stage, message: fault.error.message },
      result: outputs.length === 1 ? outputs[0] : outputs,
      summary: {
        tasks: tasks.length,
        succeeded: count("succeeded"),
        failed: count("dead"),
        skipped: count("skipped"),
        replaced: count("replaced"),
      },
      tasks: tasks.map(({ task, attempts, end }) => ({
        key: task.key,
        end,
        attempts: attempts.map(shownAttempt),
      })),
      cache: { hits: cache.hits, shared_hits: cache.sharedHits, misses: cache.misses, failures: cache.failures },
      sinks: { enabled: policy.delivers, ...deliveries },
      timeline: { received_at: receivedAt, answered_at: clock.now(), took_ms: roundedMs(tookMs) },
    };
  }
  return routes;
}

function limitOf({ anonymousPerMin, clients, requestsPerMin }: ProcessPolicy, client: string): number {
  if (client === anonymous) return anonymousPerMin ?? 0;
  return Object.hasOwn(clients, client) ? (clients[client] ?? requestsPerMin) : requestsPerMin;
}

/** The flow's own, or a shorter one that the caller asks for. */
function deadlineOf(c: Context, { policy }: Called): number {
  const max = policy.deadlineMs / 1000;
  return numberOf(queryOf(c.req.raw.url), "deadline_s", { min: 0.001, max, or: max }) * 1000;
}
