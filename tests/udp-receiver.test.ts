/** Real sockets: what is sent to a port arrives in batches, or is counted as dropped; both ways to read, in the loop and in a thread. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import { after, describe, it } from "node:test";
import type { DatagramBatch } from "../src/ground/batch.ts";
import { buildPacket } from "../src/ground/ccsds.ts";
import {
  HoldEndedError,
  PortOpenError,
  type Receiver,
  type ReceiverOptions,
  type Receivers,
} from "../src/ground/receiver.ts";
import { ReceiverThread } from "../src/ground/receiver-thread.ts";
import { createThreadReceivers } from "../src/ground/thread-receivers.ts";
import { createLoopReceivers } from "../src/ground/udp-receiver.ts";
import { until } from "./support/signal.ts";

const log = { info: () => {}, warn: () => {} };
const underDeno = "Deno" in globalThis;
const hasKernelTable = existsSync("/proc/net/udp");

const quiet: ReceiverOptions = {
  host: "127.0.0.1",
  port: 0,
  format: "ccsds",
  packetSizeMax: 65_542,
  onBatch: () => {},
  log,
};

function takeInto(counts: number[]): (batch: DatagramBatch) => void {
  return ({ bytes, count, ends }) => {
    for (let i = 0; i < count; i++) {
      const start = i === 0 ? 0 : (ends[i - 1] ?? 0);
      counts.push((((bytes[start + 2] ?? 0) & 0x3f) << 8) | (bytes[start + 3] ?? 0));
    }
  };
}

/** Sends packets `from … to`, waiting for the receiver every ten: nothing may overflow here, however small its buffer. */
async function send(receiver: Receiver, from: number, to: number, dataBytes = 20, host = "127.0.0.1"): Promise<void> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  await new Promise<void>((resolve) => socket.bind(0, resolve));
  const before = receiver.stats().datagrams;
  for (let count = from; count <= to; count++) {
    const packet = buildPacket({ apid: 1, sequenceCount: count, data: new Uint8Array(dataBytes) });
    await new Promise<void>((resolve) => socket.send(packet, receiver.port, host, () => resolve())); // Deno disorders several at once
    const sent = count - from + 1;
    if (sent % 10 === 0) await until("they are received", () => receiver.stats().datagrams === before + sent);
  }
  await until("they are received", () => receiver.stats().datagrams === before + to - from + 1);
  socket.close();
}

const kinds: [string, () => Receivers][] = [
  ["in the caller's loop", createLoopReceivers],
  ["in a thread", () => createThreadReceivers(log)],
];

for (const [where, create] of kinds) {
  describe(`a UDP receiver ${where}`, () => {
    const receivers = create();
    after(() => receivers.close());

    it("hands over every datagram in order, and counts them and their bytes", async () => {
      const counts: number[] = [];
      const receiver = await receivers.open({ ...quiet, onBatch: takeInto(counts) });
      await send(receiver, 0, 99);
      const stats = await receiver.drain(5000);
      assert.deepEqual(
        counts,
        Array.from({ length: 100 }, (_, i) => i),
      );
      assert.deepEqual([stats.datagrams, stats.bytes, stats.queueDrops], [100, 100 * 26, 0]);
      assert.equal(stats.kernelDrops, hasKernelTable ? 0 : null);
      await receiver.close();
    });

    it("hands over what is there after a while, without being asked", async () => {
      const counts: number[] = [];
      const receiver = await receivers.open({ ...quiet, onBatch: takeInto(counts), batchAgeMsMax: 5 });
      await send(receiver, 7, 8);
      await until("both are counted", () => counts.length === 2);
      await receiver.close();
    });

    it("drops and counts, by packet, what comes while nobody takes", async () => {
      const gate = Promise.withResolvers<void>();
      let taken = 0;
      const receiver = await receivers.open({
        ...quiet,
        creditsMax: 1,
        batchAgeMsMax: 1,
        onBatch: ({ count }) => {
          taken += count;
          return gate.promise;
        },
      });
      await send(receiver, 0, 0);
      await until("one is taken", () => taken === 1);
      await send(receiver, 1, 40, 4000);
      gate.resolve();
      const stats = await receiver.close();
      assert.ok(stats.queueDropDatagrams > 0 && stats.queueDrops === stats.queueDropDatagrams);
      assert.equal(stats.datagrams, taken + stats.queueDropDatagrams);
      assert.equal(stats.queueDropBytes, stats.queueDropDatagrams * 4006);
    });

    it("says why a port cannot be had: in use, or refused", async () => {
      const receiver = await receivers.open(quiet);
      const fault = (options: Partial<ReceiverOptions>) =>
        receivers.open({ ...quiet, ...options }).then(
          () => "opened",
          (error: unknown) => (error instanceof PortOpenError ? error.fault : String(error)),
        );
      assert.equal(await fault({ port: receiver.port }), "in_use");
      assert.equal(await fault({ host: "203.0.113.1" }), "refused");
      await receiver.close();
      const again = await receivers.open({ ...quiet, port: receiver.port });
      assert.equal(again.port, receiver.port);
      await again.close();
    });

    it("closes its port when it is not held on to, and says so", async () => {
      const failed = Promise.withResolvers<Error>();
      // Not one that the system hands out: another test could have been given it before it is opened again.
      const port = 20_000 + (process.pid % 10_000);
      const receiver = await receivers.open({ ...quiet, port, onFailure: failed.resolve });
      receiver.holdUntil(performance.now() + 60_000);
      receiver.holdUntil(performance.now() + 20);
      assert.ok((await failed.promise) instanceof HoldEndedError);
      // Deno lets go of a socket some time after it says that it is closed.
      await until("its port is free", async () => {
        const again = await receivers.open({ ...quiet, port }).catch(() => null);
        await again?.close();
        return again !== null;
      });
      await receiver.close();
    });

    it("goes on after a batch that its taker failed on", async () => {
      let calls = 0;
      const receiver = await receivers.open({
        ...quiet,
        creditsMax: 1,
        batchAgeMsMax: 1,
        onBatch: () => {
          calls += 1;
          return Promise.reject(new Error("no"));
        },
      });
      await send(receiver, 0, 0);
      await until("its taker is called", () => calls === 1);
      await send(receiver, 1, 1);
      await until("its taker is called", () => calls === 2);
      await receiver.close();
    });

    it("reads IPv6 as well, its drops known by the other table", async () => {
      const counts: number[] = [];
      const receiver = await receivers.open({ ...quiet, host: "::1", onBatch: takeInto(counts) });
      await send(receiver, 0, 9, 20, "::1");
      const stats = await receiver.drain(5000);
      assert.equal(counts.length, 10);
      assert.equal(stats.kernelDrops, existsSync("/proc/net/udp6") ? 0 : null);
      await receiver.close();
    });

    it("may be closed twice, and all at once", async () => {
      const [one, other] = await Promise.all([receivers.open(quiet), receivers.open(quiet)]);
      assert.deepEqual(await one.close(), await one.close());
      await receivers.close();
      assert.equal((await other.close()).datagrams, 0);
    });
  });
}

describe("receiver threads", () => {
  it("read up to 64 sockets each, also of passes that begin at once", async () => {
    const receivers = createThreadReceivers(log);
    let started = 0;
    const { start } = ReceiverThread;
    ReceiverThread.start = (onEnd) => {
      started += 1;
      return start.call(ReceiverThread, onEnd);
    };
    try {
      const open = await Promise.all(Array.from({ length: 130 }, () => receivers.open(quiet)));
      assert.equal(started, 3);
      await Promise.all(open.slice(0, 10).map((receiver) => receiver.close()));
      const again = await Promise.all(Array.from({ length: 10 }, () => receivers.open(quiet)));
      assert.equal(started, 3);
      assert.equal(new Set([...open.slice(10), ...again].map(({ port }) => port)).size, 130);
    } finally {
      ReceiverThread.start = start;
      await receivers.close();
    }
  });
});

describe("a flooded port", () => {
  const sentMax = 20_000;

  async function flood(port: number): Promise<void> {
    const socket = createSocket("udp4");
    let answered = 0;
    const datagram = new Uint8Array(1000);
    const onAnswer = () => {
      answered += 1;
    };
    for (let i = 0; i < sentMax; i++) socket.send(datagram, port, "127.0.0.1", onAnswer);
    await until("all are answered", () => answered === sentMax);
    socket.close();
  }

  it("accounts for every datagram: sent = received + dropped by the kernel", { skip: !hasKernelTable }, async () => {
    const receivers = createLoopReceivers();
    let taken = 0;
    const onBatch = ({ count }: DatagramBatch) => {
      taken += count;
    };
    const receiver = await receivers.open({ ...quiet, format: "raw", onBatch });
    await flood(receiver.port);
    await receiver.drain(10_000);
    const { datagrams, kernelDrops } = await receiver.close();
    assert.ok(kernelDrops !== null);
    assert.equal(datagrams + kernelDrops, sentMax);
    assert.equal(taken, datagrams);
  });

  const skip = underDeno ? "Deno reads between two sends, so that nothing is dropped" : !hasKernelTable;
  it("is asked for its drops while it is open, and a last time before it is closed", { skip }, async () => {
    const receivers = createLoopReceivers();
    const receiver = await receivers.open({ ...quiet, format: "raw" });
    await flood(receiver.port);
    await until("the kernel drops some", () => (receiver.stats().kernelDrops ?? 0) > 0);
    const before = receiver.stats().kernelDrops ?? 0;
    await flood(receiver.port);
    assert.ok(((await receiver.close()).kernelDrops ?? 0) > before);
  });

  it("has the buffer that was asked for, as far as the kernel grants it; else the log warns", { skip }, async () => {
    const warnings: string[] = [];
    const receivers = createThreadReceivers(log);
    const told = { ...log, warn: (_: object, message: string) => void warnings.push(message) };
    const { bufferBytes, close } = await receivers.open({ ...quiet, log: told });
    const grantedMax = Number(readFileSync("/proc/sys/net/core/rmem_max", "utf8"));
    const target = 8 * 1024 * 1024;
    assert.equal(bufferBytes, 2 * Math.min(target, grantedMax));
    assert.equal(warnings.length, 2 * grantedMax < target ? 1 : 0);
    await close();
    await receivers.close();
  });
});
