/**
 * Reads the partitions that a node has been given, each in order: looks up its leader and where to start, then fetches and hands over. Of a partition
 * one fetch is kept at most: it is not fetched again while something of it waits to be handed over.
 */
import { type Broker, type fetchV17, ProtocolError } from "@platformatic/kafka";
import { pause } from "../../jobs/backoff.ts";
import type { KafkaClient } from "../kafka/client.ts";
import type { Source, SourceListener } from "../source.ts";
import { fetchFrom, isUnreadable } from "./kafka-fetch.ts";
import { createKafkaPositions, type Leader } from "./kafka-positions.ts";
import { byLeader, createReading, isFetchable, isLost, type Reading } from "./kafka-reading.ts";
import { messagesOf } from "./kafka-records.ts";
import { findStarts } from "./kafka-start.ts";

/** Messages that are handed over at once. */
const handOverMax = 256;
/** How often the ends of partitions are asked for that are not fetched. */
const endsMs = 5_000;
const offsetOutOfRange = 1;
const topicAuthorizationFailed = 29;

interface ReaderParts {
  readonly flow: string;
  readonly client: KafkaClient;
  readonly group: string;
  readonly from: "earliest" | "latest";
  readonly listener: Pick<SourceListener, "messages" | "failed">;
  readonly commit: Source["commit"];
}

export interface KafkaReader extends Pick<Source, "pause" | "resume" | "waiting"> {
  add(names: readonly string[]): void;
  /** Nothing of them is handed over once it returns. */
  remove(names: readonly string[]): void;
  stop(): void;
}

export function createKafkaReader({ flow, client, group, from, listener, commit }: ReaderParts): KafkaReader {
  const stopping = new AbortController();
  const { signal } = stopping;
  const positions = createKafkaPositions(client, group);
  /** In the order in which they are fetched: who gave something goes last, or the first ones would fill every answer. */
  const readings = new Map<string, Reading>();
  /** Addresses of brokers that are asked at the moment. */
  const asked = new Set<string>();
  let isLookingUp = false;

  const isCurrent = (one: Reading) => readings.get(one.name) === one && !one.isFailed;

  function fail(one: Reading, reason: unknown): void {
    if (!isCurrent(one)) return;
    one.isFailed = true;
    one.fetched = [];
    listener.failed(one.name, reason instanceof Error ? reason : new Error(String(reason)));
  }

  /** It is looked up anew in a while: its leader may have changed. */
  function rest(one: Reading): void {
    one.leader = null;
    one.isResting = true;
    void one.backoff.wait(signal).then(() => {
      one.isResting = false;
      void lookUp();
    });
  }

  async function lookUp(): Promise<void> {
    if (isLookingUp) return;
    isLookingUp = true;
    const due = () => [...readings.values()].filter((one) => isLost(one) && !one.isResting && !one.isFailed);
    for (let lost = due(); lost.length > 0 && !signal.aborted; lost = due()) {
      try {
        const leaders = await positions.leaders(lost.map(({ name }) => name));
        for (const one of lost) lead(one, leaders.get(one.name) ?? null);
        await findStarts({ positions, from, commit, fail }, lost.filter(isCurrent));
      } catch {
        // Those that are lost still are tried again below.
      }
      for (const one of lost) if (isLost(one) && isCurrent(one)) rest(one);
      fetchAll();
    }
    isLookingUp = false;
  }

  function lead(one: Reading, leader: Leader | null): void {
    const isMadeAnew = leader !== null && one.topicId !== null && leader.topicId !== one.topicId;
    if (isMadeAnew && one.isBegun)
      fail(one, new Error("its topic was made anew: start the flow anew to read it from its start"));
    if (isMadeAnew) one.position = null;
    one.leader = leader;
    one.topicId = leader?.topicId ?? one.topicId;
  }

  function fetchAll(): void {
    if (signal.aborted) return;
    for (const [address, { leader, readings: led }] of byLeader([...readings.values()].filter(isFetchable))) {
      // What was resumed this moment may have some to hand over yet.
      const ready = led.filter((one) => !one.isPaused && one.fetched.length === 0);
      const alone = ready.find(({ isAlone }) => isAlone);
      if (ready.length > 0 && !asked.has(address))
        void fetchNext(address, leader.broker, alone ? [alone] : ready, !alone && ready.length === led.length);
    }
  }

  async function fetchNext(address: string, broker: Broker, ready: Reading[], isComplete: boolean): Promise<void> {
    asked.add(address);
    try {
      for (const [one, answer] of await fetchFrom(client, broker, ready, isComplete))
        if (isCurrent(one)) take(one, answer);
    } catch (error) {
      onFailure(ready, error);
    }
    asked.delete(address);
    fetchAll();
  }

  function onFailure(ready: readonly Reading[], error: unknown): void {
    const [only] = ready;
    // Of several it is not known whose batch cannot be read: each is fetched alone.
    if (isUnreadable(error) && only !== undefined && ready.length === 1) fail(only, error);
    for (const one of ready) {
      one.isAlone = isUnreadable(error);
      if (isCurrent(one)) rest(one);
    }
  }

  function take(one: Reading, answer: fetchV17.FetchResponsePartition): void {
    const { errorCode } = answer;
    one.isOutOfRange = errorCode === offsetOutOfRange;
    if (errorCode === topicAuthorizationFailed) fail(one, new ProtocolError(errorCode));
    else if (errorCode !== 0) rest(one);
    else {
      one.backoff.reset();
      one.isAlone = false;
      one.highWatermark = Number(answer.highWatermark);
      keep(one, answer);
      handOver(one);
    }
  }

  function keep(one: Reading, answer: fetchV17.FetchResponsePartition): void {
    try {
      const read = messagesOf({ flow, partition: one.name }, answer, one.position ?? 0);
      if (read.nextOffset === null) return;
      one.position = read.nextOffset;
      one.fetched = read.messages;
      readings.delete(one.name);
      readings.set(one.name, one);
    } catch (error) {
      fail(one, error);
    }
  }

  function handOver(one: Reading): void {
    while (one.fetched.length > 0 && !one.isPaused && isCurrent(one)) {
      one.isBegun = true;
      try {
        listener.messages(one.name, one.fetched.splice(0, handOverMax));
      } catch (error) {
        // To go on would pass over what it did not take.
        fail(one, error);
      }
    }
  }

  /** Of those that are fetched each answer tells. */
  async function watchEnds(): Promise<void> {
    while (!signal.aborted) {
      await pause(endsMs, signal);
      const idle = [...readings.values()].filter((one) => isFetchable(one) && one.isPaused);
      for (const { leader, readings: led } of byLeader(idle).values()) {
        const ends = await positions
          .highWatermarks(
            leader.broker,
            led.map(({ name }) => name),
          )
          .catch(() => null);
        for (const one of led) one.highWatermark = ends?.get(one.name) ?? one.highWatermark;
      }
    }
  }

  void watchEnds();
  return {
    add(names) {
      for (const name of names) readings.set(name, createReading(name));
      void lookUp();
    },
    remove(names) {
      for (const name of names) readings.delete(name);
    },
    pause(name) {
      const one = readings.get(name);
      if (one) one.isPaused = true;
    },
    resume(name) {
      const one = readings.get(name);
      if (one === undefined) return;
      one.isPaused = false;
      // Not within the call: who resumes is not ready to take something before it returns.
      queueMicrotask(() => {
        handOver(one);
        fetchAll();
      });
    },
    waiting(name) {
      const one = readings.get(name);
      if (one === undefined || one.highWatermark === null || one.position === null) return null;
      return Math.max(0, one.highWatermark - (one.fetched[0]?.offset ?? one.position));
    },
    stop() {
      stopping.abort();
      readings.clear();
    },
  };
}
