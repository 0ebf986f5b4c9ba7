/** A pass or its listener: as the node that holds it knows it, or from what is stored; its past as its row tells it. */
import { listenerActorId } from "../../ground/inspection.ts";
import { contextOf } from "../../ground/pass-context.ts";
import { replayPass } from "../../ground/past-pass.ts";
import type { AppParts } from "../../http/parts.ts";
import type { PassId } from "../../model/pass.ts";
import type { Step } from "../../observe/inspection.ts";
import { redacted } from "../../observe/redact.ts";
import type { ReplayedEvent } from "../../observe/replay.ts";
import { passLeaseEnd } from "../../store/due-times.ts";
import { firstNotes } from "../../store/pass-progress.ts";
import { findPass } from "../../store/passes.ts";
import { dueOfPass } from "./due.ts";
import { type Lane, type Message, type Sequence, sequenceBounds } from "./sequence.ts";
import { type LogRow, rowOf, type ShownActor } from "./shown-actor.ts";

const tokensMax = 50;
/** Events before the one that the page stands at, whose messages are drawn. */
const drawnMax = 6;
const caveat =
  "A pass keeps no event rows: its past is put together from its row (when its port was open, its leases, how it ended) and played through the machine. Times that are not kept are left out.";

/** `step` null: now. Null: there is no such pass, or it has no such step. */
export async function passActor(
  { database, ground }: Pick<AppParts, "database" | "ground">,
  machine: "pass" | "listener",
  passId: PassId,
  step: number | null,
): Promise<ShownActor | null> {
  const pass = await findPass(database.sql, passId);
  if (pass === null) return null;
  const live = ground.inspection.resident(passId);
  const [notes, leaseUntil] = await Promise.all([
    pass.token > 1 ? firstNotes(database.sql, passId, tokensMax) : new Map<number, number>(),
    passLeaseEnd(database.sql, passId),
  ]);
  const actorId = machine === "pass" ? passId : listenerActorId(passId);
  const replayed = replayPass({ ...pass, state: live?.state ?? pass.state }, notes);
  const rows = machine === "pass" ? replayed.map((one) => rowOf(one, actorId)) : listenerRows(replayed, actorId);
  const newest = rows.at(-1) ?? null;
  const at = step === null ? newest : (rows.find(({ position }) => position === step) ?? null);
  if (step !== null && at === null) return null;
  const index = at === null ? -1 : rows.indexOf(at);
  const isPast = at !== newest;
  const now = machine === "pass" ? (live?.state ?? pass.state) : (live?.listener?.state ?? newest?.state ?? "none");
  const context = machine === "pass" ? (live?.context ?? contextOf(pass)) : (live?.listener?.context ?? null);
  const isResident = machine === "pass" ? live !== null : live?.listener != null;
  return {
    ...{ machine, path: `/inspect/${machine}/${passId}`, id: passId, isResident, caveat, root: passId },
    name: machine === "pass" ? `Pass of ${pass.ship}` : `UDP port ${pass.port}`,
    residence: isResident
      ? "in memory on this node"
      : pass.node === null
        ? "held by no node"
        : `held by node ${pass.node}`,
    state: isPast ? (at?.state ?? now) : now,
    context: context === null ? null : redacted(context),
    log: rows.toReversed(),
    at,
    travel: {
      ...{ parameter: "step", isPast, newest: newest?.position ?? null },
      previous: rows[index - 1]?.position ?? null,
      next: rows[index + 1]?.position ?? null,
    },
    due: isPast ? [] : dueOfPass(pass, live, leaseUntil),
    sequence: sequenceOf(passId, pass.port, replayed, at?.position ?? 0),
    ...{ children: [], childrenLeftOut: 0 },
    links: [
      machine === "pass" ? ["Its listener", `/inspect/listener/${passId}`] : ["Its pass", `/inspect/pass/${passId}`],
      ["Page of the pass", `/pass/${passId}`],
      ...(pass.datasetId === null ? [] : [["Its plan", `/inspect/dataset/${pass.datasetId}`] as const]),
    ],
  };
}

/** What of the replay happened to the listener. Of several steps by one event the last one stands. */
function listenerRows(replayed: readonly ReplayedEvent[], actorId: string): LogRow[] {
  return replayed.flatMap((one) => {
    const own = one.steps.filter(({ actorId: id, event }) => id === actorId && event.type !== "xstate.stop");
    const [first, last] = [own[0], own.at(-1)];
    if (first === undefined || last === undefined) return [];
    const event = last.event.type === "xstate.init" ? "created" : last.event.type;
    return [{ ...rowOf(one, actorId), event, before: first.before, state: last.state, emitted: [], follows: true }];
  });
}

/** Whoever stops a child is its parent; what comes from outside is told by the runner, or by its socket. */
function senderOf({ event: { type } }: Step, passId: PassId): string {
  if (type === "xstate.stop") return passId;
  return type.startsWith("socket.") ? "socket" : "runner";
}

function sequenceOf(passId: PassId, port: number, replayed: readonly ReplayedEvent[], position: number): Sequence {
  const listener = listenerActorId(passId);
  const lanes: Lane[] = [
    { id: "runner", name: "runner", kind: "time, lease, store" },
    { id: passId, name: "pass", kind: "pass" },
    { id: listener, name: "listener", kind: "listener" },
    { id: "socket", name: `port ${port}`, kind: "socket" },
  ];
  const until = replayed.findIndex((one) => one.position === position);
  const drawn = replayed.slice(Math.max(0, until - drawnMax + 1), until + 1);
  const messages = drawn.flatMap((one): Message[] => [
    ...one.steps.map(
      (step): Message =>
        step.event.type === "xstate.init"
          ? {
              from: step.parentId ?? "runner",
              to: step.actorId,
              text: step.parentId === null ? "planned" : "spawned",
              state: step.state,
            }
          : {
              from: step.sourceId ?? senderOf(step, passId),
              to: step.actorId,
              text: step.event.type === "xstate.stop" ? "stopped" : step.event.type,
              state: step.before === step.state ? null : step.state,
            },
    ),
    ...one.emitted.map(
      (said): Message => ({
        from: passId,
        to: said.startsWith("socket.") ? "socket" : "runner",
        text: said,
        state: null,
      }),
    ),
  ]);
  const some = messages.slice(0, sequenceBounds.messages);
  const isCut = drawn.length <= until || some.length < messages.length;
  return { lanes, messages: some, leftOut: isCut ? `The last ${drawn.length} events up to this one.` : null };
}
