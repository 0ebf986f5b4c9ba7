/** Leases of remote workers: pull due jobs with a long poll, say that one lives, follow up with lines, and report how it ended. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Outcome } from "../compute/compute.ts";
import { Output, storableText } from "../compute/output.ts";
import { checkPassback } from "../compute/passback.ts";
import { epochMsOf, instantOf } from "../model/clock.ts";
import { InvalidFieldError, InvalidRequestError } from "../model/errors.ts";
import { parseUuid } from "../model/ids.ts";
import { jsonTextOf } from "../model/json.ts";
import type { Lease, LeasedJob } from "../store/jobs.ts";
import { json, jsonText } from "./answer.ts";
import { anyJson, text } from "./check.ts";
import { queueName } from "./job-schemas.ts";
import { guardedOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";

const tag = "lease";
/** A report holds up to 1 MiB of output, and JSON may write each byte of it as six. */
const reportBytesMax = 8 * 1024 * 1024;
const logBytesMax = 256 * 1024;
const name = text.min(1).max(200);

const LeaseParam = z
  .object({
    worker_id: name.openapi({ description: "Unique to the process" }),
    name,
    host: name,
    version: name,
    queues: z.array(queueName).max(100).openapi({ description: "Empty: every queue" }),
    job_types: z.array(name).max(100).nullish().openapi({ description: "Absent: every type that workers run" }),
    labels: z.array(text.min(1).max(100)).max(32),
    count: z.int().min(0).max(100).openapi({ description: "At most so many leases; 0 only says that it lives" }),
    wait_s: z.number().min(0).max(60).openapi({ description: "Waits so long for work" }),
    slots: z.int().min(0).max(10_000),
    held: z.int().min(0).max(10_000),
    draining: z
      .boolean()
      .nullish()
      .openapi({ description: "It takes no more; once it holds nothing it leaves the list of workers" }),
  })
  .openapi("LeaseParam");

const Leased = z
  .object({
    leases: z.array(
      z.object({
        lease_id: z.string().openapi({ description: "<job_id>.<token>" }),
        job_id: z.string().openapi({ format: "uuid" }),
        token: z.int(),
        queue: z.string(),
        job_type: z.string(),
        attempt: z.int(),
        lease_s: z.number().openapi({ description: "A heartbeat within a third of it keeps the lease" }),
        timeout_s: z.number().nullable(),
        payload: anyJson,
        dataset: z.object({ id: z.string(), extra: anyJson }).nullable(),
        product: z.object({ id: z.string(), name: z.string(), version: z.string() }).nullable(),
        parents: z.array(z.object({ id: z.string(), name: z.string(), version: z.string(), passback: anyJson })),
      }),
    ),
    drain: z.boolean().openapi({ description: "Take no more, finish what is held, end" }),
  })
  .openapi("Leased");

const output = text.nullish().openapi({ description: "What it printed; its first and last 512 KiB are kept" });
const Done = z.object({ result: anyJson, link: text.max(8192).nullish(), output }).openapi("LeaseDone");
const Failure = z
  .object({
    error: text.openapi({ description: "Why, for people" }),
    code: text.max(200).nullish().openapi({ description: "An exit code, an HTTP status, an error's code" }),
    retryable: z.boolean().nullish().openapi({ default: true }),
    output,
  })
  .openapi("LeaseFailure");
const LogLines = z.object({ text }).openapi("LeaseLog");
const Beat = z.object({}).openapi("LeaseBeat");
const Renewed = z.object({ lease_until: z.string(), cancelled: z.boolean() }).openapi("LeaseRenewed");
const Stored = z.object({ stored: z.boolean() }).openapi("LeaseStored");

export function leaseRoutes({ auth, remote, computes, clock, closing }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  // Each attempt is kept with its worker; a row for each heartbeat would tell nothing more.
  const audit = { action: "lease.use", keptAs: "attempt" } as const;
  const own = { tag, role: "update", audit, badField: 422 } as const;

  guardedOperation<z.output<typeof LeaseParam>>(
    routes,
    auth,
    { ...own, method: "post", path: "/lease", summary: "Lease due jobs", body: LeaseParam, answer: Leased },
    async ({ c, body }) => {
      const { worker_id: workerId, host, version, queues, labels, slots, held } = body;
      const ask = {
        ...{ workerId, name: body.name, host, version, queues, labels, slots, held },
        jobTypes: body.job_types ?? null,
        countMax: body.count,
        waitMs: body.wait_s * 1000,
        draining: body.draining === true,
      };
      const { jobs, drains } = await remote.lease(ask, AbortSignal.any([c.req.raw.signal, closing]));
      const shown = jobs.map((job) => shownLease(job, remote.leaseMs, computes.get(job.jobType)?.timeoutMs ?? null));
      return jsonText(`{"leases":[${shown.join(",")}],"drain":${drains}}`);
    },
  );

  guardedOperation(
    routes,
    auth,
    {
      ...{ ...own, method: "put", path: "/lease/{lease}/heartbeat", summary: "Renew a lease" },
      body: Beat,
      answer: Renewed,
    },
    async ({ param }) => {
      await remote.renew(leaseOf(param("lease")));
      return json({ lease_until: instantOf(epochMsOf(clock.now()) + remote.leaseMs), cancelled: false });
    },
  );

  guardedOperation<z.output<typeof Done>>(
    routes,
    auth,
    {
      ...{ ...own, method: "put", path: "/lease/{lease}/complete", summary: "Report success" },
      ...{ body: Done, bodyBytesMax: reportBytesMax, answer: Stored },
    },
    async ({ param, body }) => {
      const link = body.link ? storableText(body.link) : null;
      const outcome: Outcome = {
        outcome: "succeeded",
        passback: resultOf(body.result),
        link,
        output: kept(body.output),
      };
      await remote.end(leaseOf(param("lease")), outcome);
      return json({ stored: true });
    },
  );

  guardedOperation<z.output<typeof Failure>>(
    routes,
    auth,
    {
      ...{ ...own, method: "put", path: "/lease/{lease}/fail", summary: "Report failure" },
      ...{ body: Failure, bodyBytesMax: reportBytesMax, answer: Stored },
    },
    async ({ param, body }) => {
      const { error, code = null, retryable } = body;
      await remote.end(leaseOf(param("lease")), {
        outcome: code === "timed_out" ? "timed_out" : "failed",
        error: storableText(error),
        code: code === null ? null : storableText(code),
        isFinal: retryable === false,
        output: kept(body.output),
      });
      return json({ stored: true });
    },
  );

  guardedOperation<z.output<typeof LogLines>>(
    routes,
    auth,
    {
      ...{ ...own, method: "post", path: "/lease/{lease}/log", summary: "Add lines to what it prints" },
      ...{ body: LogLines, bodyBytesMax: logBytesMax, answer: Stored },
    },
    async ({ param, body }) => {
      await remote.log(leaseOf(param("lease")), body.text);
      return json({ stored: true });
    },
  );
  return routes;
}

function leaseOf(given: string): Lease {
  const [, id = "", token = ""] = /^([^.]{32,36})\.(\d{1,15})$/.exec(given) ?? [];
  const jobId = parseUuid(id);
  if (jobId === null) throw new InvalidRequestError(`lease: "${given}" is no lease: <job_id>.<token> is`, "lease");
  return { jobId, token: Number(token) };
}

function resultOf(value: unknown): string | null {
  try {
    return checkPassback(jsonTextOf(value));
  } catch (error) {
    throw new InvalidFieldError("result", error instanceof Error ? error.message : String(error));
  }
}

function kept(given: string | null | undefined): string {
  if (!given) return "";
  const output = new Output();
  output.push(new TextEncoder().encode(given));
  return output.text();
}

/** As text, so that clients' JSON keeps every digit. */
function shownLease(job: LeasedJob, leaseMs: number, typeTimeoutMs: number | null): string {
  const { jobId, token, queue, jobType, attempt, datasetId, productId } = job;
  const timeoutMs = Math.min(job.timeoutMs ?? Number.POSITIVE_INFINITY, typeTimeoutMs ?? Number.POSITIVE_INFINITY);
  const head = JSON.stringify({
    lease_id: `${jobId}.${token}`,
    job_id: jobId,
    token,
    queue,
    job_type: jobType,
    attempt: attempt + 1,
    lease_s: leaseMs / 1000,
    timeout_s: Number.isFinite(timeoutMs) ? timeoutMs / 1000 : null,
    product: productId === null ? null : { id: productId, name: job.name ?? "", version: job.version ?? "" },
  });
  const payload = productId === null ? job.payload : job.passthrough;
  const dataset = datasetId === null ? null : `{"id":"${datasetId}","extra":${job.extra}}`;
  return `${head.slice(0, -1)},"payload":${payload},"dataset":${dataset},"parents":${parentsJson(job.parents)}}`;
}

function parentsJson(parents: LeasedJob["parents"]): string {
  const shown = parents.map(
    ({ passback, ...parent }) => `${JSON.stringify(parent).slice(0, -1)},"passback":${passback}}`,
  );
  return `[${shown.join(",")}]`;
}
