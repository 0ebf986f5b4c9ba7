/** One open UDP port: reads its socket into batches, watches what the kernel drops, and drains it before it is closed. */
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { DatagramBatch } from "./batch.ts";
import { DatagramCollector } from "./datagram-collector.ts";
import { isOwnSocket, receiveBufferDefaultBytes, type UdpTables } from "./proc-net-udp.ts";
import {
  HoldEndedError,
  type PortFault,
  PortOpenError,
  type Receiver,
  type ReceiverOptions,
  type ReceiverStats,
} from "./receiver.ts";

/** Bun really asks the kernel for it, capped at 2 × net.core.rmem_max; Deno ignores it and allocates as much per datagram. */
export const receiveBufferTargetBytes = 8 * 1024 * 1024;
const isBun = process.versions.bun !== undefined;

const sampleEveryMs = 1000;
const drainPollMs = 10;
/** How long `close` waits for the batches that are out. */
const settleMsMax = 30_000;

export interface UdpPortOptions extends Omit<ReceiverOptions, "onBatch"> {
  /** Takes a batch; resolves once it is done with, to its buffer if that may be used again. */
  readonly take: (batch: DatagramBatch) => Promise<ArrayBuffer | null>;
}

/** Rejects with `PortOpenError`. The port is held alone: no address or port reuse. */
export async function openUdpPort(options: UdpPortOptions, tables: UdpTables): Promise<Receiver> {
  const { host, port, log } = options;
  const socket = createSocket({
    type: isIPv6(host) ? "udp6" : "udp4",
    ...(isBun ? { recvBufferSize: receiveBufferTargetBytes } : {}),
  });
  await bind(socket, host, port);
  const udpPort = new UdpPort(socket, options, tables);
  const { bufferBytes } = udpPort;
  const about = { host, port: udpPort.port, bufferBytes, targetBytes: receiveBufferTargetBytes };
  if (bufferBytes !== null && bufferBytes < receiveBufferTargetBytes)
    log.warn(about, "UDP receive buffer is below its target: raise net.core.rmem_max, bursts may be lost");
  return udpPort;
}

class UdpPort implements Receiver {
  readonly port: number;
  readonly bufferBytes: number | null;
  readonly #socket: Socket;
  readonly #options: UdpPortOptions;
  readonly #tables: UdpTables;
  readonly #collector: DatagramCollector;
  readonly #address: string;
  readonly #inode: number | null;
  #kernelDrops: number | null = null;
  #kernelQueueBytes: number | null = null;
  #holdUntilMs = Number.POSITIVE_INFINITY;
  #holdTimer: ReturnType<typeof setTimeout> | undefined;
  #ageTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #sampleTimer: ReturnType<typeof setInterval>;
  #closed: Promise<ReceiverStats> | null = null;
  #hasToldOverQuota = false;

  constructor(socket: Socket, options: UdpPortOptions, tables: UdpTables) {
    this.#socket = socket;
    this.#options = options;
    this.#tables = tables;
    const { address, port } = socket.address();
    this.#address = address;
    this.port = port;
    this.bufferBytes = isBun ? socket.getRecvBufferSize() : receiveBufferDefaultBytes();
    const row = tables.row(address, port);
    this.#inode = row !== null && isOwnSocket(row.inode) ? row.inode : null;
    this.#sample();
    this.#collector = new DatagramCollector({
      format: options.format,
      creditsMax: options.creditsMax ?? 8,
      handOver: (batch) => void this.#give(batch),
    });
    this.limit(options.packetsPerS ?? null);
    const ageMsMax = options.batchAgeMsMax ?? 50;
    socket.on("message", (datagram) => this.#take(datagram, ageMsMax));
    socket.on("error", (error) => this.#fail(error));
    this.#sampleTimer = setInterval(() => {
      this.#sample(sampleEveryMs / 2);
      this.#tellOverQuota();
    }, sampleEveryMs);
  }

  stats(): ReceiverStats {
    const { datagrams, bytes, queueDrops, queueDropDatagrams, queueDropBytes } = this.#collector;
    const { overQuota, overQuotaDatagrams, overQuotaBytes } = this.#collector;
    return {
      ...{ datagrams, bytes, queueDrops, queueDropDatagrams, queueDropBytes },
      ...{ overQuota, overQuotaDatagrams, overQuotaBytes },
      kernelDrops: this.#kernelDrops,
      kernelQueueBytes: this.#kernelQueueBytes,
    };
  }

  holdUntil(monotonicMs: number): void {
    this.#holdUntilMs = monotonicMs;
    clearTimeout(this.#holdTimer);
    if (this.#closed !== null) return;
    this.#holdTimer = setTimeout(() => this.#endHold(), Math.max(0, monotonicMs - performance.now()));
  }

  limit(packetsPerS: number | null): void {
    this.#collector.limit(packetsPerS, performance.timeOrigin + performance.now());
  }

  async drain(deadlineMs: number): Promise<ReceiverStats> {
    const untilMs = performance.now() + deadlineMs;
    let emptyCount = 0;
    while (this.#closed === null && emptyCount < 2 && performance.now() < untilMs) {
      const datagramsBefore = this.#collector.datagrams;
      await new Promise((resolve) => setTimeout(resolve, drainPollMs));
      if (this.#closed !== null) break;
      this.#sample();
      const isEmpty =
        this.#kernelQueueBytes === null ? datagramsBefore === this.#collector.datagrams : this.#kernelQueueBytes === 0;
      emptyCount = isEmpty ? emptyCount + 1 : 0;
    }
    this.#collector.finish();
    await this.#collector.idle(Math.max(0, untilMs - performance.now()));
    return this.stats();
  }

  close(): Promise<ReceiverStats> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<ReceiverStats> {
    clearInterval(this.#sampleTimer);
    clearTimeout(this.#holdTimer);
    clearTimeout(this.#ageTimer);
    this.#sample(); // the row goes with the socket
    const closed = new Promise<void>((resolve) => this.#socket.close(resolve));
    this.#collector.finish();
    await closed;
    if (!(await this.#collector.idle(settleMsMax)))
      this.#options.log.warn({ port: this.port }, "Closed a UDP port while batches were still being taken");
    return this.stats();
  }

  #take(datagram: Uint8Array, ageMsMax: number): void {
    const nowMs = performance.now();
    if (nowMs >= this.#holdUntilMs) {
      this.#endHold();
      return;
    }
    if (this.#collector.add(datagram, performance.timeOrigin + nowMs)) {
      clearTimeout(this.#ageTimer);
      this.#ageTimer = setTimeout(() => this.#collector.flush(), ageMsMax);
    }
  }

  async #give(batch: DatagramBatch): Promise<void> {
    let buffer: ArrayBuffer | null = null;
    try {
      buffer = await this.#options.take(batch);
    } catch (error) {
      this.#options.log.warn(
        { err: error, port: this.port, datagrams: batch.count },
        "A batch of datagrams was not taken",
      );
    }
    this.#collector.settled(buffer);
  }

  #sample(ageMsMax = 0): void {
    if (this.#inode === null) return;
    const row = this.#tables.row(this.#address, this.port, ageMsMax);
    if (row === null || row.inode !== this.#inode) return;
    this.#kernelDrops = row.drops;
    this.#kernelQueueBytes = row.rxQueueBytes;
  }

  /** Once: the ledger counts them all. */
  #tellOverQuota(): void {
    const { overQuota } = this.#collector;
    if (overQuota === 0 || this.#hasToldOverQuota) return;
    this.#hasToldOverQuota = true;
    const about = { port: this.port, overQuota };
    this.#options.log.warn(about, "packets are dropped as they are over the ship's quota packets_per_s");
  }

  #endHold(): void {
    if (this.#closed === null) this.#fail(new HoldEndedError(this.#options.host, this.port));
  }

  #fail(error: Error): void {
    if (this.#closed !== null) return;
    this.close().then(() => this.#options.onFailure?.(error));
  }
}

async function bind(socket: Socket, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const refuse = (error: NodeJS.ErrnoException) => {
    const code = error.code ?? error.message;
    reject(new PortOpenError(portFaultOf(code), code, host, port, { cause: error }));
  };
  socket.once("error", refuse);
  try {
    socket.bind({ address: host, port, exclusive: true }, resolve);
    await promise;
  } catch (error) {
    socket.on("error", () => {}); // it never opened: nothing more to tell
    socket.close();
    throw error;
  }
  socket.off("error", refuse);
}

function portFaultOf(code: string): PortFault {
  if (code === "EADDRINUSE") return "in_use";
  return ["EACCES", "EPERM", "EADDRNOTAVAIL", "ENOTFOUND", "EAI_AGAIN"].includes(code) ? "refused" : "other";
}
