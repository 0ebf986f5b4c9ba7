/** Flows: seen as the answering node runs them, paused and resumed over all nodes, and sent messages. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { abortable } from "../compute/abortable.ts";
import type { Flow, FlowState } from "../flow/flow.ts";
import type { Message } from "../flow/message.ts";
import { roundedMs } from "../flow/shown-attempt.ts";
import { instantOf } from "../model/clock.ts";
import { ConflictError, OverloadedError } from "../model/errors.ts";
import { newTimeUuid } from "../model/ids.ts";
import { jsonTextOf } from "../model/json.ts";
import { json } from "./answer.ts";
import { FlowAccepted, FlowMessages, Flow as FlowSchema } from "./flow-schemas.ts";
import { addTraceRoutes } from "./flow-trace.ts";
import { knownFlow } from "./known-flow.ts";
import { guardedOperation, openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { numberOf, queryOf } from "./query.ts";

const tag = "flow";
/** For the sinks to confirm what was sent. */
const confirmS = 30;
/** Where messages lie that were sent over HTTP. */
const partition = "http";

export function flowRoutes(parts: AppParts): OpenAPIHono {
  const { flows, auth } = parts;
  const routes = new OpenAPIHono();
  const known = (name: string): Flow => knownFlow(flows, name);
  addTraceRoutes(routes, parts, known);

  openOperation(
    routes,
    { method: "get", path: "/flow", summary: "List the flows", tag, answer: z.array(FlowSchema) },
    async () => json(flows.all.map(shownFlow)),
  );

  openOperation(
    routes,
    { method: "get", path: "/flow/{name}", summary: "Read a flow", tag, answer: FlowSchema },
    async ({ param }) => json(shownFlow(known(param("name")))),
  );

  for (const verb of ["pause", "resume"] as const)
    guardedOperation(
      routes,
      auth,
      {
        method: "put",
        path: `/flow/{name}/${verb}`,
        role: "operate",
        audit: `flow.${verb}`,
        summary: verb === "pause" ? "Read no further messages; what was read goes on" : "Read on",
        tag,
        answer: FlowSchema,
      },
      async ({ param, caller }) => {
        const flow = known(param("name"));
        await flows.pause(flow.definition.file.id, verb === "pause", caller.service);
        return json(shownFlow(flow));
      },
    );

  guardedOperation<z.output<typeof FlowMessages>>(
    routes,
    auth,
    {
      method: "post",
      path: "/flow/{name}/message",
      role: "publish",
      audit: "flow.message",
      summary: "Send messages to a flow; answered once each is in every sink, or a dead letter",
      tag,
      query: z.object({
        deadline_s: z.string().optional().openapi({ type: "number", maximum: confirmS, default: confirmS }),
      }),
      body: FlowMessages,
      badField: 422,
      answer: FlowAccepted,
    },
    async ({ param, body, c }) => {
      const flow = known(param("name"));
      flow.requireOpen();
      requireRoom(flow, body.messages.length);
      const { id: name } = flow.definition.file;
      const deadlineS = numberOf(queryOf(c.req.raw.url), "deadline_s", { min: 0.001, max: confirmS, or: confirmS });
      const timestampMs = Date.now();
      const messages = body.messages.map(
        ({ id = newTimeUuid(), key = null, value, headers = {} }, offset): Message => ({
          ...{ flow: name, partition, id, offset, key, timestampMs, headers },
          value: jsonTextOf(value) ?? "null",
        }),
      );
      const signal = AbortSignal.any([AbortSignal.timeout(deadlineS * 1000), c.req.raw.signal]);
      const faults = await abortable(flow.requests.accept(messages, signal), signal).catch((error: unknown) => {
        const why = `Cannot say that all messages are in the sinks of flow "${name}": send them again, with the same ids`;
        throw new OverloadedError(why, {}, { cause: error });
      });
      const results = messages.map(({ id }, i) => {
        const fault = faults[i] ?? null;
        if (fault === null) return { id, outcome: "done", stage: null, error: null };
        return { id, outcome: "dead", stage: fault.stage, error: fault.error.message };
      });
      const dead = results.filter(({ outcome }) => outcome === "dead").length;
      return json({ count: results.length, dead, results });
    },
  );
  return routes;
}

function requireRoom({ definition: { file }, state }: Flow, count: number): void {
  if (file.source.kind !== "http")
    throw new ConflictError(`Cannot send messages to flow "${file.id}" as its source is ${file.source.kind}, not http`);
  if (state.isPaused) throw new OverloadedError(`Flow "${file.id}" is paused: resume it, or try again later`);
  const { windowMax } = file.partitions;
  if (state.accepted > 0 && state.accepted + count > windowMax)
    throw new OverloadedError(
      `Flow "${file.id}" has ${state.accepted} messages under way, of ${windowMax} at most: try again`,
    );
}

export function shownFlow({ definition: { file }, recorder, state }: Flow): z.output<typeof FlowSchema> {
  return {
    name: file.id,
    description: file.description,
    source: file.source.kind,
    ...state.opening,
    paused: state.isPaused,
    messages: recorder.counts,
    tasks: { ...state.tasks, concurrency: file.concurrency },
    executor: shownExecutor(file.executor.kind, state.executor),
    accepted: state.accepted,
    processing: state.processing,
    partitions: [...state.partitions],
    sinks: state.sinks.map(({ name, kind, breaker, queued, counts }) => ({
      ...{ name, kind, breaker: breaker.state, queued },
      ...counts,
    })),
  };
}

type ShownExecutor = z.output<typeof FlowSchema>["executor"];

function shownExecutor(kind: ShownExecutor["kind"], given: FlowState["executor"]): ShownExecutor {
  const { attempts, failed, timedOut, recent, outliers, newestOutliers, processes } = given;
  return {
    ...{ kind, attempts, failed, timed_out: timedOut },
    recent:
      recent === null
        ? null
        : {
            attempts: recent.attempts,
            p50_ms: roundedMs(recent.p50Ms),
            p95_ms: roundedMs(recent.p95Ms),
            p99_ms: roundedMs(recent.p99Ms),
            max_ms: roundedMs(recent.maxMs),
          },
    outliers: {
      count: outliers,
      newest: newestOutliers.map(({ origin, taskKey, attempt, ranMs, usualMs, atMs }) => ({
        ...{ partition: origin.partition, id: origin.id, task: taskKey, attempt },
        ...{ ran_ms: roundedMs(ranMs), usual_ms: roundedMs(usualMs), at: instantOf(atMs) },
      })),
    },
    processes: processes.map(({ pid, state, tasks, busySinceMs }) => ({
      ...{ pid, state, tasks },
      busy_since: busySinceMs === null ? null : instantOf(busySinceMs),
    })),
  };
}
