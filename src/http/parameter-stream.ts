/**
 * One listener's stream of a ship's values. While it does not read, only the newest value of each parameter is kept: a slow
 * listener skips values, and what it gets is never older than what it could have got.
 */
import type { LatestValue } from "../ground/latest.ts";
import { openSseBody, type SseBody } from "./sse-body.ts";

export interface ParameterStream extends Pick<SseBody, "body" | "close"> {
  push(values: Readonly<Record<string, LatestValue>>): void;
  /** A comment, so that nobody in between takes the silence for death. */
  heartbeat(): void;
}

/** `wanted` null: every parameter. */
export function openParameterStream(wanted: ReadonlySet<string> | null, onClosed: () => void): ParameterStream {
  const pending = new Map<string, LatestValue>();
  let isIdle = true;

  const { body, flush, close } = openSseBody({
    take() {
      let text = isIdle ? "" : ": here\n\n";
      isIdle = true;
      if (pending.size > 0) text += `event: values\ndata: ${JSON.stringify(Object.fromEntries(pending))}\n\n`;
      pending.clear();
      return text;
    },
    onClosed,
  });

  return {
    body,
    close,
    push(values) {
      for (const [name, value] of Object.entries(values))
        if (wanted === null || wanted.has(name)) pending.set(name, value);
      flush();
    },
    heartbeat() {
      isIdle = false;
      flush();
    },
  };
}
