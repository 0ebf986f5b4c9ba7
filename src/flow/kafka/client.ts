/** Requests to the brokers of a Kafka cluster. Each has a deadline; a connection on which one passed is not used again. */
import {
  type API,
  Base,
  type Broker,
  type Connection,
  type fetchV17,
  type findCoordinatorV6,
  type heartbeatV4,
  type joinGroupV9,
  kGetApi,
  type leaveGroupV5,
  type listOffsetsV9,
  type metadataV12,
  type offsetCommitV9,
  type offsetFetchV9,
  ResponseError,
  type syncGroupV5,
} from "@platformatic/kafka";
import { abortable } from "../../compute/abortable.ts";
import { within } from "../../jobs/backoff.ts";
import { type KafkaConnection, optionsOf } from "./connection.ts";

/** What is sent and what is answered; the library speaks older versions of them in the same shapes. */
interface Requests {
  Metadata: [metadataV12.MetadataRequest, metadataV12.MetadataResponse];
  FindCoordinator: [findCoordinatorV6.FindCoordinatorRequest, findCoordinatorV6.FindCoordinatorResponse];
  JoinGroup: [joinGroupV9.JoinGroupRequest, joinGroupV9.JoinGroupResponse];
  SyncGroup: [syncGroupV5.SyncGroupRequest, syncGroupV5.SyncGroupResponse];
  Heartbeat: [heartbeatV4.HeartbeatRequest, heartbeatV4.HeartbeatResponse];
  LeaveGroup: [leaveGroupV5.LeaveGroupRequest, leaveGroupV5.LeaveGroupResponse];
  OffsetCommit: [offsetCommitV9.OffsetCommitRequest, offsetCommitV9.OffsetCommitResponse];
  OffsetFetch: [offsetFetchV9.OffsetFetchRequest, offsetFetchV9.OffsetFetchResponse];
  ListOffsets: [listOffsetsV9.ListOffsetsRequest, listOffsetsV9.ListOffsetsResponse];
  Fetch: [fetchV17.FetchRequest, fetchV17.FetchResponse];
}

/** Of many topics or partitions at once: one that has an error spoils nothing for the others, who asks looks at their codes. */
const partial: readonly string[] = ["Metadata", "ListOffsets", "Fetch"] satisfies (keyof Requests)[];

/** Of several brokers more than one must fit into a request's time: one whose machine is gone does not refuse. */
const connectMs = 3_000;

export interface KafkaClient {
  /** `to`: null for any broker. Rejects with the broker's error, or when nothing came within `timeoutMs`. */
  ask<Name extends keyof Requests>(
    name: Name,
    to: Broker | null,
    timeoutMs: number,
    ...request: Requests[Name][0]
  ): Promise<Requests[Name][1]>;
  /** What is under way rejects. */
  close(): void;
}

export function createKafkaClient(connection: KafkaConnection): KafkaClient {
  // Who asks tries again by itself.
  const base = new Base({ ...optionsOf(connection), retries: 0, connectTimeout: connectMs });
  const pool = base.connections;
  const given = connection.brokers.map(brokerOf);
  /** Whom to ask what any can answer: who was in the cluster last, then those of the settings. */
  let brokers = given;

  const apiOf = <Request extends unknown[], Answer>(name: string) =>
    new Promise<API<Request, Answer>>((resolve, reject) =>
      base[kGetApi]<Request, Answer>(name, (error, api) => (api ? resolve(api) : reject(error))),
    );

  async function send<Request extends unknown[], Answer>(name: string, to: Broker | null, request: Request) {
    const api = await apiOf<Request, Answer>(name);
    const open = await (to === null ? connectToAny() : pool.get(to));
    return await api.async(open, ...request);
  }

  async function connectToAny(): Promise<Connection> {
    let reason: unknown;
    for (const broker of brokers) {
      try {
        return await pool.get(broker);
      } catch (error) {
        reason = error;
      }
    }
    throw reason;
  }

  function learn({ brokers: found }: metadataV12.MetadataResponse): void {
    const isFound = (one: Broker) => found.some(({ host, port }) => host === one.host && port === one.port);
    brokers = [...found.map(({ host, port }) => ({ host, port })), ...given.filter((one) => !isFound(one))];
  }

  function dropConnections(): void {
    for (const [, open] of pool) open.socket?.destroy();
  }

  return {
    async ask<Name extends keyof Requests>(
      name: Name,
      to: Broker | null,
      timeoutMs: number,
      ...request: Requests[Name][0]
    ) {
      return await within(timeoutMs, null, async (signal) => {
        try {
          const answer = await abortable(send<Requests[Name][0], Requests[Name][1]>(name, to, request), signal);
          if ("brokers" in answer) learn(answer);
          return answer;
        } catch (error) {
          if (error instanceof ResponseError && partial.includes(name)) return error.response as Requests[Name][1]; // parsed in that shape
          if (signal.aborted) dropConnections();
          throw error;
        }
      });
    },
    close() {
      const sockets = [...pool].map(([, { socket }]) => socket);
      void base.close().catch(() => undefined);
      // The library lets what is written arrive first, for which a broker that is gone would be waited for.
      for (const socket of sockets) socket?.destroy();
    },
  };
}

function brokerOf(address: string): Broker {
  const [host = "", port = "9092"] = address.split(":");
  return { host, port: Number(port) };
}
