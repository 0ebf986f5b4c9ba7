/** Login: a service's name and key for a token of an hour. */
import { OpenAPIHono, type z } from "@hono/zod-openapi";
import { json } from "./answer.ts";
import { openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { Authenticated, Login } from "./schemas.ts";

/** Anyone may send one: parsing 16 MiB would hold the event loop up. */
const bodyBytesMax = 1024 * 1024;

export function authenticateRoutes({ auth }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  openOperation<z.output<typeof Login>>(
    routes,
    {
      method: "post",
      path: "/authenticate",
      summary: "Log in",
      tag: "authenticate",
      body: Login,
      bodyBytesMax,
      answer: Authenticated,
    },
    async ({ body }) => {
      const answer = json(await auth.login(body.service, body.key));
      answer.headers.set("Cache-Control", "no-store");
      return answer;
    },
  );
  return routes;
}
