/**
 * Keeps a part of a page live where nothing announces a change, as with jobs that come and go by the thousand: the part is made anew
 * once a second for all who look at it, and sent when it says something else. Nobody looks: nothing is made, no timer runs.
 */
import { type Context, Hono } from "hono";
import { Connections } from "../http/connections.ts";
import type { AppParts } from "../http/parts.ts";
import { eventStreamAnswer, openSseBody, type SseBody } from "../http/sse-body.ts";
import type { Look, LookOf } from "./look.ts";
import { notFoundPage } from "./not-found.tsx";
import { htmlAnswer } from "./page-headers.ts";

/** Makes the inner markup of a part, as of now. */
export type Part = (look: Look) => Promise<string>;

/** The element that a page's live part is in, and that its fragment has. */
export const partId = "part";

export interface LiveParts {
  /**
   * Routes for one path under `/component`: the part as a fragment, or as server-sent events for who accepts those. `partOf`: what to
   * make for a request; null, and there is no such page.
   */
  routes(path: string, partOf: (c: Context) => Promise<Part | null>): Hono;
}

const bounds = { max: 500, everyMs: 15_000 };
const lookEveryMs = 1000;
/** A part that takes long is made as seldom that a twentieth of the time goes into it. */
const restShare = 20;

interface Listener {
  readonly sse: SseBody;
  say(text: string): void;
  close(): void;
}

interface Watched {
  readonly listeners: Set<Listener>;
  readonly part: Part;
  readonly look: Look;
  /** What was sent last, and the same without its relative times. */
  text: string;
  compared: string;
}

export function createLiveParts(
  { clock, log, closing }: Pick<AppParts, "clock" | "log" | "closing">,
  lookOf: LookOf,
  nowMs: () => number,
): LiveParts {
  const watched = new Map<string, Watched>();
  const streams = new Connections<Listener>(bounds, closing, (listener) => listener.say(": here\n\n"));

  async function keepLooking(key: string, one: Watched): Promise<void> {
    while (one.listeners.size > 0 && !closing.aborted) {
      const startMs = clock.monotonicMs();
      await lookAt(one).catch((error: unknown) =>
        log.warn({ err: error }, "a live part of a page could not be made: the next look tries again"),
      );
      const tookMs = clock.monotonicMs() - startMs;
      await new Promise<void>((resume) => {
        setTimeout(resume, Math.max(lookEveryMs, tookMs * restShare)).unref();
      });
    }
    watched.delete(key);
  }

  async function lookAt(one: Watched): Promise<void> {
    const html = await one.part({ ...one.look, nowMs: nowMs() });
    const compared = html.replaceAll(timeText, "$1");
    if (compared === one.compared) return;
    one.compared = compared;
    one.text = `event: part\ndata: ${JSON.stringify({ html })}\n\n`;
    for (const listener of one.listeners) listener.say(one.text);
  }

  function follow(key: string, part: Part, look: Look): Response {
    streams.requireRoom();
    const known = watched.get(key);
    const one = known ?? { listeners: new Set(), part, look, text: "", compared: "" };
    let waiting = one.text;
    const sse = openSseBody({
      take() {
        const text = waiting;
        waiting = "";
        return text;
      },
      onClosed() {
        one.listeners.delete(listener);
        streams.delete(listener);
      },
    });
    const listener: Listener = {
      sse,
      // Whoever does not read gets the newest only.
      say(text) {
        if (waiting === "" || !text.startsWith(":")) waiting = text;
        sse.flush();
      },
      close: () => sse.close(),
    };
    one.listeners.add(listener);
    streams.add(listener);
    if (known === undefined) {
      watched.set(key, one);
      void keepLooking(key, one);
    }
    return eventStreamAnswer(sse.body);
  }

  return {
    routes(path, partOf) {
      const routes = new Hono();
      routes.get(path, async (c) => {
        const [asked, part] = await Promise.all([lookOf(c), partOf(c)]);
        // Signing in leads back to the page, not to its part.
        const look = { ...asked, path: asked.path.replace(/^\/component/, "") };
        if (part === null) return htmlAnswer(c, notFoundPage(look), 404);
        if ((c.req.header("Accept") ?? "").includes("text/event-stream")) {
          // What is shown depends on who looks.
          return follow(`${look.path} ${look.viewer?.service} ${look.viewer?.roles}`, part, look);
        }
        return htmlAnswer(c, `<div id="${partId}">${await part(look)}</div>`);
      });
      return routes;
    },
  };
}

const timeText = /(<time [^>]*>)[^<]*/g;
