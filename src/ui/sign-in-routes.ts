/** The pages' sessions: sign in, sign out. The API's own way is a token or an API key in a header. */
import { type Context, Hono } from "hono";
import { bodyText } from "../http/body.ts";
import { refuseForeign } from "../http/guard.ts";
import type { AppParts } from "../http/parts.ts";
import { endedCookie } from "../http/sessions.ts";
import { OrreryError } from "../model/errors.ts";
import type { LookOf } from "./look.ts";
import { htmlAnswer } from "./page-headers.ts";
import { signInPage } from "./sign-in-page.tsx";

const bodyBytesMax = 16 * 1024;
const nowhere = "http://nowhere.invalid";
/** What a browser leaves out when it does not keep the cookie: that the query says it was signed in. */
const keptFault =
  "This browser did not keep the session. It keeps one only over HTTPS, or when it is on the same machine: open these pages by https:// or by http://localhost.";

export function signInRoutes({ auth, config }: Pick<AppParts, "auth" | "config">, lookOf: LookOf): Hono {
  const { sessions } = auth;
  const ownOrigin = new URL(config.baseUrl).origin;
  const routes = new Hono();

  routes.get("/sign-in", async (c) => {
    const look = await lookOf(c);
    const next = localPath(c.req.query("next"));
    const wasTried = c.req.query("kept") !== undefined;
    if (look.viewer !== null && wasTried) return c.redirect(next, 303);
    return htmlAnswer(c, signInPage({ next, fault: wasTried ? keptFault : null, service: "" }, look));
  });

  routes.post("/session", async (c) => {
    refuseForeign(c.req.raw, ownOrigin);
    const form = new URLSearchParams(await bodyText(c.req.raw, bodyBytesMax));
    const next = localPath(form.get("next"));
    const [key, service] = [form.get("key")?.trim() ?? "", form.get("service")?.trim() ?? ""];
    try {
      const session = await (service === "" ? sessions.open(key) : sessions.openAs(service, key));
      c.header("Set-Cookie", sessions.cookieOf(session));
    } catch (error) {
      if (!(error instanceof OrreryError) || error.status === 503) throw error;
      return htmlAnswer(c, signInPage({ next, fault: error.message, service }, await lookOf(c)), 403);
    }
    // The next request shows whether the browser kept it.
    return seeOther(c, `/sign-in?${new URLSearchParams({ kept: "1", next })}`);
  });

  routes.post("/session/end", (c) => {
    refuseForeign(c.req.raw, ownOrigin);
    c.header("Set-Cookie", endedCookie);
    return seeOther(c, "/");
  });
  return routes;
}

function seeOther(c: Context, path: string): Response {
  c.header("Cache-Control", "no-store");
  return c.redirect(path, 303);
}

/** A path of ours, never another host: as a browser reads it, which takes `//host` and `/\host` for one. */
function localPath(given: string | null | undefined): string {
  if (given?.startsWith("/") !== true || !URL.canParse(given, nowhere)) return "/";
  const { origin, pathname, search } = new URL(given, nowhere);
  // What is left may itself begin with two slashes: `/.//host`.
  return origin === nowhere && !pathname.startsWith("//") ? pathname + search : "/";
}
