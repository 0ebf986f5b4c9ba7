/** A partition that a flow reads on this node: what it holds now, and its newest events, which only its node remembers. */
import type { AppParts } from "../../http/parts.ts";
import { redacted } from "../../observe/redact.ts";
import type { ReplayedEvent } from "../../observe/replay.ts";
import { type Message, type Sequence, sequenceBounds } from "./sequence.ts";
import { rowOf, type ShownActor } from "./shown-actor.ts";

/** Events before the one that the page stands at, whose messages are drawn. */
const drawnMax = 6;
const caveat =
  "The newest 100 events since this node was given the partition are kept, in memory. Its messages go past it in batches, and are no events of it.";

export const sourceHref = (flow: string, partition: string): string =>
  `/inspect/source/${encodeURIComponent(flow)}/${encodeURIComponent(partition)}`;

/** `step` null: now. Null: this node does not read it, or it has no such step. */
export function sourceActor(
  { flows }: Pick<AppParts, "flows">,
  flowName: string,
  partition: string,
  step: number | null,
): ShownActor | null {
  const flow = flows.find(flowName);
  const actor = flow?.sourceActor(partition) ?? null;
  const now = flow?.state.partitions.find(({ name }) => name === partition);
  if (flow === null || actor === null || now === undefined) return null;
  const replayed = actor.past();
  const rows = replayed.map((one) => rowOf(one, partition));
  const at = step === null ? (rows.at(-1) ?? null) : (rows.find(({ position }) => position === step) ?? null);
  if (at === null) return null;
  const index = rows.indexOf(at);
  const isPast = index < rows.length - 1;
  const { file } = flow.definition;
  const { held, committed, taken, confirmed, waiting } = now;
  return {
    ...{ machine: "source", path: sourceHref(flowName, partition), name: `Partition ${partition}`, id: partition },
    ...{ isResident: true, residence: `in memory on this node, of flow ${flowName}`, root: null, caveat },
    state: isPast ? at.state : now.state,
    context: redacted({
      ...{ ...actor.context, held, window: file.partitions.windowMax },
      ...{ committed, waiting, taken, confirmed },
    }),
    log: rows.toReversed(),
    at,
    travel: {
      ...{ parameter: "step", isPast, newest: rows.at(-1)?.position ?? null },
      previous: rows[index - 1]?.position ?? null,
      next: rows[index + 1]?.position ?? null,
    },
    due: [],
    sequence: sequenceOf(file.source.kind, replayed, index),
    ...{ children: [], childrenLeftOut: 0 },
    links: [["Its flow", `/flow/${encodeURIComponent(flowName)}`]],
  };
}

function sequenceOf(kind: string, replayed: readonly ReplayedEvent[], index: number): Sequence {
  const drawn = replayed.slice(Math.max(0, index - drawnMax + 1), index + 1);
  const messages = drawn.flatMap(({ event, state, before, emitted }): Message[] => [
    { from: "flow", to: "self", text: event, state: before === state ? null : state },
    ...emitted.map((said): Message => ({ from: "self", to: "reader", text: said, state: null })),
  ]);
  return {
    lanes: [
      { id: "flow", name: "flow", kind: "window, pauses" },
      { id: "self", name: "partition", kind: "source" },
      { id: "reader", name: kind, kind: "reader" },
    ],
    messages: messages.slice(0, sequenceBounds.messages),
    leftOut: drawn.length <= index ? `The last ${drawn.length} events up to this one.` : null,
  };
}
