/** Where reading is closed: every request but a few needs somebody who is known, with any role or none. */
import type { MiddlewareHandler } from "hono";
import { OrreryError } from "../model/errors.ts";
import type { Guard } from "./guard.ts";

/** Signing in itself, its looks, whether the process lives; callbacks and the inspector's socket, whose address may be their secret; flows, which ask for themselves. */
const alwaysOpen =
  /^\/(?:health|ready|sign-in|session(?:\/end)?|assets\/.*|inspect\/ws|process\/.*|api\/authenticate|api\/callback\/.*)$/;

export function closedReads(auth: Guard): MiddlewareHandler {
  return async (c, next) => {
    const { path } = c.req;
    if (alwaysOpen.test(path)) return next();
    try {
      await auth.callerFrom(c.req.raw);
    } catch (error) {
      const isPage = c.req.method === "GET" && (c.req.header("Accept") ?? "").includes("text/html");
      if (!isPage || !(error instanceof OrreryError) || error.status === 503) throw error;
      const { pathname, search } = new URL(c.req.url);
      return c.redirect(`/sign-in?${new URLSearchParams({ next: pathname + search })}`, 303);
    }
    return next();
  };
}
