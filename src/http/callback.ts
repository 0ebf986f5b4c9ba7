/** Where a web service that answered 202 sends its result: the address is the secret, works once, and needs no token. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { defaults } from "../compute/compute.ts";
import { CallbackUnknownError } from "../model/errors.ts";
import { json } from "./answer.ts";
import { anyJson, text } from "./check.ts";
import { openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";

const Later = z
  .object({
    result: anyJson,
    link: text.nullish().openapi({ description: "The product's link" }),
    error: text.nullish().openapi({ description: "Why it failed. With it the attempt has failed" }),
    code: z.union([text, z.number()]).nullish(),
    retryable: z.boolean().nullish().openapi({ description: "False: no further attempt. Absent means true" }),
  })
  .openapi("CallbackParam");

const Taken = z.object({ accepted: z.literal(true) }).openapi("CallbackTaken");

export function callbackRoutes({ callbacks }: Pick<AppParts, "callbacks">): OpenAPIHono {
  const routes = new OpenAPIHono();
  openOperation<z.output<typeof Later>>(
    routes,
    {
      method: "post",
      path: "/callback/{secret}",
      summary: "Answer a job that waits for it",
      tag: "job",
      body: Later,
      bodyBytesMax: defaults.passbackBytesMax,
      answer: Taken,
    },
    async ({ body, param }) => {
      const { result = null, link = null, error = null, code = null, retryable } = body;
      const answer = error === null ? { result, link } : { error, code, retryable: retryable !== false };
      if (!(await callbacks.settle(param("secret"), JSON.stringify(answer)))) throw new CallbackUnknownError();
      return json({ accepted: true });
    },
  );
  return routes;
}
