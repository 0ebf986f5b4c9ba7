/** A partition's actor, with what happened to it of late: its events are few, and nothing else keeps them. */
import { createActor, type SnapshotFrom } from "xstate";
import { type SourceContext, type SourceEvent, type SourceWish, sourceMachine } from "../../actors/source.ts";
import { instantOf } from "../model/clock.ts";
import { type ReplayedEvent, replay } from "../observe/replay.ts";

export interface SourceActor {
  send(event: SourceEvent): void;
  readonly value: SnapshotFrom<typeof sourceMachine>["value"];
  readonly context: SourceContext;
  /** What happened to it, played through the machine again, the newest last; its beginning may be forgotten. */
  past(): ReplayedEvent[];
}

interface Noted {
  /** Null: it came into being. */
  readonly event: SourceEvent | null;
  readonly atMs: number;
  readonly before: { readonly value: SourceActor["value"]; readonly context: SourceContext };
  readonly stored: string;
  readonly position: number;
}

const keptMax = 100;

export function startSourceActor(
  id: string,
  isPaused: boolean,
  wishes: Readonly<Record<SourceWish["type"], () => void>>,
): SourceActor {
  const input = { isPaused };
  const actor = createActor(sourceMachine, { id, input });
  actor.on("reading.stop", wishes["reading.stop"]);
  actor.on("reading.go", wishes["reading.go"]);
  actor.start();
  const noted: Noted[] = [noteOf(null, actor.getSnapshot(), 0)];

  function noteOf(event: SourceEvent | null, before: Noted["before"], position: number): Noted {
    const { value, context } = before;
    return { event, atMs: Date.now(), before: { value, context }, stored: actor.getSnapshot().value, position };
  }

  return {
    send(event) {
      const before = actor.getSnapshot();
      actor.send(event);
      const after = actor.getSnapshot();
      // What it left aside is no part of its past: a full window is told with each batch.
      if (after.value === before.value && after.context === before.context) return;
      noted.push(noteOf(event, before, (noted.at(-1)?.position ?? 0) + 1));
      if (noted.length > keptMax) noted.shift();
    },
    get value() {
      return actor.getSnapshot().value;
    },
    get context() {
      return actor.getSnapshot().context;
    },
    past() {
      const [first] = noted;
      if (first === undefined) return [];
      const snapshot = first.event === null ? undefined : sourceMachine.resolveState(first.before);
      const events = noted.map(({ event, atMs, stored, position }) => ({
        ...{ event, stored, position, at: instantOf(atMs), by: null },
        cause: event === null ? "assigned" : causes[event.type],
        why: event?.type === "failed" ? event.reason : null,
      }));
      return replay(sourceMachine, { id, input, ...(snapshot && { snapshot }) }, () => id, events);
    },
  };
}

const causes: Readonly<Record<SourceEvent["type"], string>> = {
  opened: "it is read",
  "window.filled": "as many messages are held as may be",
  "window.freed": "half of them are done with",
  paused: "the flow was paused",
  unpaused: "the flow was resumed",
  failed: "it cannot be read on",
  revoked: "it passes on",
};
