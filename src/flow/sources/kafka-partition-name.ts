/** What a flow calls a partition of a topic: `telemetry:3`. No topic's name has a colon. */
import type { Partitions } from "./kafka-protocol.ts";

export const partitionName = (topic: string, number: number): string => `${topic}:${number}`;

export function partitionOf(name: string): { readonly topic: string; readonly number: number } {
  const at = name.lastIndexOf(":");
  return { topic: name.slice(0, at), number: Number(name.slice(at + 1)) };
}

export const namesOf = (partitions: Partitions): string[] =>
  [...partitions].flatMap(([topic, numbers]) => numbers.map((number) => partitionName(topic, number)));

export function partitionsOf(names: Iterable<string>): Map<string, number[]> {
  const partitions = new Map<string, number[]>();
  for (const name of names) {
    const { topic, number } = partitionOf(name);
    const numbers = partitions.get(topic);
    if (numbers) numbers.push(number);
    else partitions.set(topic, [number]);
  }
  return partitions;
}
