/** How a page is looked at: when, by whom, and where. */
import type { Context } from "hono";
import type { AppParts } from "../http/parts.ts";
import { epochMsOf } from "../model/clock.ts";
import type { Caller } from "../model/service.ts";

export interface Look {
  readonly nowMs: number;
  /** Who is signed in; null: nobody. */
  readonly viewer: Caller | null;
  /** The page's own path and query: where signing in leads back to. */
  readonly path: string;
}

export type LookOf = (c: Context) => Promise<Look>;

export function createLookOf({ auth, clock }: Pick<AppParts, "auth" | "clock">): LookOf {
  return async ({ req }) => {
    const { pathname, search } = new URL(req.url);
    return { nowMs: epochMsOf(clock.now()), viewer: await auth.viewerOf(req.raw), path: pathname + search };
  };
}
