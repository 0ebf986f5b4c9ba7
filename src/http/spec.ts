/** The OpenAPI document of all declared operations, at /spec. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { Hono } from "hono";
import { jsonText } from "./answer.ts";

/** `api` holds the operations, with paths relative to `/api`. */
export function specRoutes(api: OpenAPIHono, config: { readonly baseUrl: string }): Hono {
  let text: string | null = null;
  const routes = new Hono();
  routes.get("/spec", () => {
    text ??= JSON.stringify(documentOf(api, config.baseUrl));
    return jsonText(text);
  });
  return routes;
}

function documentOf(api: OpenAPIHono, baseUrl: string): object {
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
  return api.getOpenAPI31Document({
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
}
