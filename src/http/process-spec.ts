/** The flows that are called, as the OpenAPI document says them: each with the schema of its own input. */
import type { Flow } from "../flow/flow.ts";
import { batchMax } from "./process-schemas.ts";

const object = (properties: object) => ({ type: "object", properties, required: Object.keys(properties) });
const text = { type: "string" };
const whole = { type: "integer" };
const any = { description: "Any JSON value" };
const nullable = (type: string) => ({ type: [type, "null"] });

const attempt = object({
  attempt: whole,
  duration_ms: { type: "number", description: "Its wait for a turn included" },
  ran_ms: { ...nullable("number"), description: "In the executor; null: it was not asked" },
  exit_code: { ...nullable("integer"), description: "Of its process, where that ended by itself" },
  pid: { ...nullable("integer"), description: "Of its process, also where it failed" },
  error: nullable("string"),
});
const envelope = object({
  request_id: text,
  flow: text,
  node: { type: "string", description: "Where it ran" },
  client: text,
  status: { enum: ["done", "failed"] },
  error: { oneOf: [object({ stage: text, message: text }), { type: "null" }] },
  result: { description: "The output of its task; a list where it had several or none" },
  summary: object({ tasks: whole, succeeded: whole, failed: whole, skipped: whole, replaced: whole }),
  tasks: {
    type: "array",
    items: object({
      key: text,
      end: { enum: ["succeeded", "skipped", "dead", "replaced"] },
      attempts: { type: "array", items: attempt },
    }),
  },
  cache: {
    ...object({ hits: whole, shared_hits: whole, misses: whole, failures: whole }),
    description: "What hooks remembered, since the node started",
  },
  sinks: object({ enabled: { type: "boolean" }, attempted: whole, delivered: whole, dead: whole }),
  timeline: object({ received_at: text, answered_at: text, took_ms: { type: "number" } }),
});
const batch = object({
  request_id: text,
  count: whole,
  failed: whole,
  results: { type: "array", items: envelope },
});

const body = (schema: object) => ({ required: true, content: { "application/json": { schema } } });
const answer = (description: string, schema: object) => ({ description, content: { "application/json": { schema } } });
const problems = {
  401: { description: "No token, and the flow takes none without" },
  403: { description: "The role publish is needed" },
  422: { description: "The input does not fit" },
  429: { description: "The client has sent its inputs of this minute: see Retry-After" },
  503: { description: "As many inputs wait as may: see Retry-After" },
  504: { description: "No answer within the deadline" },
};

/** By path. `baseUrl`: they are not under `/api`. */
export function processPaths(flows: readonly Flow[], baseUrl: string): Record<string, object> {
  const called = flows.filter(({ definition }) => definition.file.process !== null);
  return Object.fromEntries(
    called.flatMap(({ definition: { file, inputSchema } }) => {
      const input = inputSchema === null ? any : (JSON.parse(inputSchema) as object); // checked when it was read
      const inputs = { type: "array", items: input, minItems: 1, maxItems: batchMax };
      const maxS = (file.process?.deadlineMs ?? 0) / 1000;
      const operation = (summary: string, requestBody: object, ok: object) => ({
        servers: [{ url: baseUrl }],
        post: {
          summary,
          tags: ["process"],
          security: [{ token: [] }, { key: [] }, ...(file.process?.anonymousPerMin === null ? [] : [{}])],
          parameters: [{ name: "deadline_s", in: "query", schema: { type: "number", maximum: maxS, default: maxS } }],
          requestBody,
          responses: { 200: ok, ...problems },
        },
      });
      const one = operation(
        file.description ?? `Call flow ${file.id}`,
        body(input),
        answer("What came of it", envelope),
      );
      const many = operation(
        `Call flow ${file.id} for several inputs`,
        body(object({ inputs })),
        answer("In order", batch),
      );
      return [
        [`/process/${file.id}`, one],
        [`/process/${file.id}/batch`, many],
      ];
    }),
  );
}
