/** The OpenAPI document of all declared operations, and of the flows that are called, at /spec. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { Hono } from "hono";
import { jsonText } from "./answer.ts";
import type { AppParts } from "./parts.ts";
import { processPaths } from "./process-spec.ts";

/** `api` holds the operations, with paths relative to `/api`. */
export function specRoutes(api: OpenAPIHono, { config: { baseUrl }, flows }: Pick<AppParts, "config" | "flows">): Hono {
  let text: string | null = null;
  const routes = new Hono();
  routes.get("/spec", () => {
    text ??= JSON.stringify(documentOf(api, baseUrl, processPaths(flows.all, baseUrl)));
    return jsonText(text);
  });
  return routes;
}

/** `further`: paths that are not under `/api`. */
function documentOf(api: OpenAPIHono, baseUrl: string, further: object): object {
  api.openAPIRegistry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "The access_token of POST /authenticate",
  });
  api.openAPIRegistry.registerComponent("securitySchemes", "key", {
    type: "apiKey",
    in: "header",
    name: "x-api-key",
    description: "A key of POST /key; it may be sent as a Bearer too",
  });
  const document = api.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Orrery",
      version: "1",
      description:
        "Plans of data products. Every write takes an Idempotency-Key, and an If-Match with a plan's ETag; every refusal is a problem+json.",
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    servers: [{ url: `${baseUrl}/api` }],
  });
  return { ...document, paths: { ...document.paths, ...further } };
}
