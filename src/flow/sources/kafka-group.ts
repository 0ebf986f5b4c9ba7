/**
 * This node's membership of a consumer group: joining → staying → joining … until it is stopped. It joins with what it reads and goes on reading
 * meanwhile; what the group then takes from it, it gives up and joins once more, so that its next reader is told. See `assignPartitions`.
 */
import { type joinGroupV9, ResponseError } from "@platformatic/kafka";
import { abortable } from "../../compute/abortable.ts";
import { createBackoff, pause, within } from "../../jobs/backoff.ts";
import { createKafkaClient, type KafkaClient } from "../kafka/client.ts";
import type { KafkaConnection } from "../kafka/connection.ts";
import { hasApiCode } from "../kafka/errors.ts";
import { assignPartitions } from "./kafka-assign.ts";
import { countsOf, createCoordinator } from "./kafka-cluster.ts";
import { namesOf, partitionName, partitionOf, partitionsOf } from "./kafka-partition-name.ts";
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from "./kafka-protocol.ts";

const protocolName = "orrery-cooperative";
/** How soon a member that has died is missed: longer than a busy node may be silent. */
const sessionMs = 15_000;
/** How long the others are waited for in a join. What they may take to give partitions up comes before it. */
const rebalanceMs = 15_000;
const heartbeatMs = 1_000;
const answerMs = 5_000;
const revokeMs = 5_000;
const commitMs = 5_000;
/** How often the member that leads looks whether a topic has other partitions than before. */
const lookMs = 10_000;

const memberIdRequired = 79;
const rebalanceInProgress = 27;
const illegalGeneration = 22;
const unknownMember = 25;
/** The group has gone on without this member. */
const expelled = [illegalGeneration, unknownMember];
/** INCONSISTENT_GROUP_PROTOCOL, INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT, GROUP_AUTHORIZATION_FAILED, GROUP_MAX_SIZE_REACHED. */
const refused = [23, 24, 26, 30, 81];

interface GroupParts {
  readonly client: KafkaClient;
  readonly group: string;
  readonly topics: readonly string[];
  /** It reads these from now on. */
  assigned(names: readonly string[]): void;
  /** It reads these no more; what the promise waits for may still be committed, unless the group has expelled this member. */
  revoked(names: readonly string[]): Promise<void>;
}

export interface KafkaGroup {
  /** Resolves once it is a member, rejects when the group refuses it. */
  join(): Promise<void>;
  commit(name: string, nextOffset: number): Promise<void>;
  /** Ends; the member's id, to leave with, or null when it is none. */
  stop(): string | null;
}

export function createKafkaGroup({ client, group, topics, assigned, revoked }: GroupParts): KafkaGroup {
  const stopping = new AbortController();
  const { signal } = stopping;
  const backoff = createBackoff(100, 2_000);
  const coordinator = createCoordinator(client, group);
  const firstJoin = Promise.withResolvers<void>();
  firstJoin.promise.catch(() => undefined); // nobody waits for it any more when it is stopped
  /** What it reads, or still may commit; a mark of its own for each time that it was given. */
  const owned = new Map<string, symbol>();
  let memberId = "";
  let generation = -1;
  let counts: ReadonlyMap<string, number> | null = null;
  /** While it joins commits wait: the generation that they would be of is not known. */
  let joining: PromiseWithResolvers<void> | null = null;

  function endJoining(): void {
    joining?.resolve();
    joining = null;
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        joining ??= Promise.withResolvers();
        const given = await sync(await joinGroup());
        firstJoin.resolve();
        backoff.reset();
        if (!(await take(given))) await stay();
      } catch (error) {
        await onTrouble(error);
      }
    }
    endJoining();
  }

  async function onTrouble(error: unknown): Promise<void> {
    if (signal.aborted || hasApiCode(error, [rebalanceInProgress])) return;
    if (hasApiCode(error, refused)) firstJoin.reject(error);
    if (hasApiCode(error, [unknownMember])) memberId = "";
    if (hasApiCode(error, expelled)) return await lose();
    coordinator.forget();
    await backoff.wait(signal);
  }

  async function joinGroup(): Promise<joinGroupV9.JoinGroupResponse> {
    const metadata = encodeSubscription({ topics, owned: partitionsOf(owned.keys()) });
    const protocols = [{ name: protocolName, metadata }];
    const ask = async () =>
      await client.ask(
        "JoinGroup",
        await coordinator.find(),
        rebalanceMs + answerMs,
        group,
        sessionMs,
        rebalanceMs,
        memberId,
        null,
        "consumer",
        protocols,
        "",
      );
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ResponseError) || !hasApiCode(error, [memberIdRequired])) throw error;
      memberId = (error.response as joinGroupV9.JoinGroupResponse).memberId ?? ""; // what the error came with
      return await ask();
    }
  }

  async function sync(joined: joinGroupV9.JoinGroupResponse): Promise<readonly string[]> {
    memberId = joined.memberId ?? memberId;
    generation = joined.generationId;
    const isLeader = joined.leader === memberId;
    const assignments = isLeader ? await assign(joined.members) : [];
    if (!isLeader) counts = null;
    const to = await coordinator.find();
    const { assignment } = await client.ask(
      "SyncGroup",
      to,
      rebalanceMs + answerMs,
      group,
      generation,
      memberId,
      null,
      "consumer",
      protocolName,
      assignments,
    );
    return namesOf(decodeAssignment(assignment));
  }

  async function assign(joined: readonly joinGroupV9.JoinGroupResponseMember[]) {
    const members = joined.map(({ memberId: id, metadata }) => {
      const subscription = decodeSubscription(metadata ?? Buffer.alloc(0));
      return { id, topics: subscription.topics, owned: namesOf(subscription.owned) };
    });
    counts = await countsOf(client, [...new Set(members.flatMap((member) => member.topics))]);
    const names = new Map(
      [...counts].map(([topic, count]) => [topic, Array.from({ length: count }, (_, n) => partitionName(topic, n))]),
    );
    return [...assignPartitions(members, names)].map(([id, given]) => ({
      memberId: id,
      assignment: encodeAssignment(partitionsOf(given)),
    }));
  }

  /** True when it gave something up for it, and so must join again. */
  async function take(given: readonly string[]): Promise<boolean> {
    signal.throwIfAborted();
    const gained = given.filter((name) => !owned.has(name));
    const lost = [...owned.keys()].filter((name) => !given.includes(name));
    for (const name of gained) owned.set(name, Symbol(name));
    endJoining();
    if (gained.length > 0) assigned(gained);
    if (lost.length === 0) return false;
    await waitFor(revoked(lost));
    for (const name of lost) owned.delete(name);
    return true;
  }

  /** Others may read all that it read: it is nothing to the group until it joins anew. */
  async function lose(): Promise<void> {
    const lost = [...owned.keys()];
    owned.clear();
    endJoining();
    if (lost.length > 0) await waitFor(revoked(lost));
  }

  /** Another reader waits for it, and the group for this member. */
  async function waitFor(revoking: Promise<void>): Promise<void> {
    await within(revokeMs, signal, (late) => abortable(revoking, late)).catch(() => undefined);
  }

  /** Until it must join again. */
  async function stay(): Promise<void> {
    let lookedMs = performance.now();
    while (!signal.aborted) {
      await pause(heartbeatMs, signal);
      try {
        await client.ask("Heartbeat", await coordinator.find(), answerMs, group, generation, memberId, null);
        backoff.reset();
        if (counts === null || performance.now() - lookedMs < lookMs) continue;
        lookedMs = performance.now();
        const now = await countsOf(client, [...counts.keys()]);
        if ([...counts].some(([topic, count]) => now.get(topic) !== count)) return;
      } catch (error) {
        // What it reads stays its own for as long as the group does not say otherwise.
        if (hasApiCode(error, [rebalanceInProgress, ...expelled])) throw error;
        await onTrouble(error);
      }
    }
  }

  return {
    async join() {
      void run();
      await firstJoin.promise;
    },
    async commit(name, nextOffset) {
      const mark = owned.get(name);
      const { topic, number } = partitionOf(name);
      const partition = {
        partitionIndex: number,
        committedOffset: BigInt(nextOffset),
        committedLeaderEpoch: -1,
        committedMetadata: null,
      };
      const topics = [{ name: topic, partitions: [partition] }];
      await within(commitMs, signal, async (late) => {
        for (;;) {
          while (joining !== null) await abortable(joining.promise, late);
          if (mark === undefined || owned.get(name) !== mark)
            throw new Error(`partition ${name} has passed to another reader`);
          const sent = generation;
          const to = await coordinator.find();
          try {
            await abortable(client.ask("OffsetCommit", to, commitMs, group, sent, memberId, null, topics), late);
            return;
          } catch (error) {
            // A join has overtaken it; what is read on through that is still its own.
            const isOvertaken = generation !== sent || joining !== null;
            if (late.aborted || !isOvertaken || !hasApiCode(error, [illegalGeneration, rebalanceInProgress]))
              throw error;
          }
        }
      });
    },
    stop() {
      stopping.abort(new Error("the source is closed"));
      firstJoin.reject(signal.reason);
      return memberId === "" ? null : memberId;
    },
  };
}

/** Tells the group that a member is gone, so that it is not missed first. Resolves also when nobody answers in time. */
export async function leaveGroup(
  connection: KafkaConnection,
  group: string,
  memberId: string,
  timeoutMs: number,
): Promise<void> {
  const client = createKafkaClient(connection);
  const leave = async () => {
    const to = await createCoordinator(client, group).find();
    await client.ask("LeaveGroup", to, timeoutMs, group, [{ memberId }]);
  };
  await within(timeoutMs, null, (signal) => abortable(leave(), signal)).catch(() => undefined);
  client.close();
}
