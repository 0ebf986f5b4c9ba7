/** What a job prints: its log so far or as it comes (server-sent events), and what is kept of each attempt. */

import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { InvalidRequestError, NotFoundError } from "../model/errors.ts";
import type { JobId } from "../model/ids.ts";
import { attemptOutput } from "../store/job-history.ts";
import { type LogPlace, logStart, readLogs } from "../store/job-logs.ts";
import type { Sql } from "../store/sql.ts";
import { existingJob } from "./job-enqueue.ts";
import { createLogFollowers } from "./log-followers.ts";
import { openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { flagIn, queryOf } from "./query.ts";
import { eventStreamAnswer } from "./sse-body.ts";

const tag = "job";
const text = z.string();
const plainType = "text/plain; charset=utf-8";
/** Parts read at a time. */
const partsMax = 32;

export function addLogRoutes(routes: OpenAPIHono, { database, clock, log, closing }: AppParts): void {
  const { sql } = database;
  const followers = createLogFollowers(database, log, () => clock.monotonicMs());
  closing.addEventListener("abort", () => followers.stop(), { once: true });

  openOperation(
    routes,
    {
      method: "get",
      path: "/job/{job_id}/log",
      summary: "What a job printed so far; with follow=true as it comes, as server-sent events `line` and `end`",
      tag,
      query: z.object({ follow: z.enum(["true", "false"]).optional() }),
      answer: text,
      answerType: "text/plain",
    },
    async ({ c, param }) => {
      const { jobId } = await existingJob(sql, param("job_id"));
      if (!flagIn(queryOf(c.req.raw.url), "follow")) {
        return new Response(wholeLog(sql, jobId), {
          headers: { "Content-Type": plainType, "Cache-Control": "no-store" },
        });
      }
      const place = placeOf(c.req.header("last-event-id"));
      return eventStreamAnswer(followers.follow({ jobId, ...place }));
    },
  );

  openOperation(
    routes,
    {
      method: "get",
      path: "/job/{job_id}/attempt/{token}/output",
      summary: "All that is kept of what an attempt printed",
      tag,
      answer: text,
      answerType: "text/plain",
    },
    async ({ param }) => {
      const [jobId, token] = [param("job_id"), param("token")];
      if (!/^\d{1,15}$/.test(token)) throw new InvalidRequestError("token: a whole number is needed", "token");
      const output = await attemptOutput(sql, jobId, Number(token));
      if (output === null) throw new NotFoundError("attempt", token, ` of job ${jobId}`);
      return new Response(output, { headers: { "Content-Type": plainType, "Cache-Control": "no-cache" } });
    },
  );
}

/** Where a listener left off: the id of the last line that it had. */
function placeOf(lastEventId: string | undefined): { token: number; part: number } {
  const [, token, part] = /^(\d{1,15})\.(\d{1,9})$/.exec(lastEventId ?? "") ?? [];
  return token === undefined || part === undefined ? logStart : { token: Number(token), part: Number(part) };
}

/** A page at a time, as fast as the client reads. */
function wholeLog(sql: Sql, jobId: JobId): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let place: LogPlace = { jobId, ...logStart };
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const [page] = await readLogs(sql, [place], { countMax: partsMax, settledMs: 0 });
      const lines = page?.lines ?? [];
      for (const { token, part, text: line } of lines) {
        controller.enqueue(encoder.encode(line));
        place = { jobId, token, part };
      }
      if (lines.length < partsMax) controller.close();
    },
  });
}
