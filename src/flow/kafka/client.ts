/** Requests to the brokers of a Kafka cluster. Each has a deadline; a connection on which one passed is not used again. */
import {
  type API,
  Base,
  type Broker,
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
  const base = new Base({ ...optionsOf(connection), retries: 0 });
  const bootstrap = connection.brokers.map(brokerOf);
  const pool = base.connections;

  const apiOf = <Request extends unknown[], Answer>(name: string) =>
    new Promise<API<Request, Answer>>((resolve, reject) =>
      base[kGetApi]<Request, Answer>(name, (error, api) => (api ? resolve(api) : reject(error))),
    );

  async function send<Request extends unknown[], Answer>(name: string, to: Broker | null, request: Request) {
    const api = await apiOf<Request, Answer>(name);
    const open = await (to === null ? pool.getFirstAvailable(bootstrap) : pool.get(to));
    return await api.async(open, ...request);
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
          return await abortable(send<Requests[Name][0], Requests[Name][1]>(name, to, request), signal);
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
