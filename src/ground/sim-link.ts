/** A simulator's socket: sends datagrams in their order, and knows which ones the system refused. A branch per runtime. */
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { SetupError } from "../model/errors.ts";

export interface Link {
  /** Await what it returns: the order of what is sent is part of the account. */
  send(datagram: Uint8Array, port: number): Promise<void> | undefined;
  /** Datagrams that were not sent. */
  failed(): number;
  close(): Promise<void>;
}

/** A full send buffer is waited for so many times, 1 ms each. */
const waitsMax = 1000;

/** `host`: an address or a name; one socket is enough for all ports there. */
export async function openLink(host: string): Promise<Link> {
  const { address, family } = await lookup(host).catch((error: NodeJS.ErrnoException) => {
    throw new SetupError(`Cannot send to host "${host}" as it has no address (${error.code}): name another one`);
  });
  return typeof Bun === "undefined" ? nodeLink(address, family) : bunLink(address, family);
}

/**
 * Bun's own socket sends before `send` returns. An answer "port unreachable" to an earlier datagram makes one `send` throw,
 * whatever port that one is for, and is gone with it: so each is tried again.
 */
async function bunLink(address: string, family: number): Promise<Link> {
  const socket = await Bun.udpSocket({ hostname: family === 6 ? "::" : "0.0.0.0", socket: { error: () => {} } });
  let failed = 0;
  const isSent = (datagram: Uint8Array, port: number): boolean => {
    try {
      return socket.send(datagram, port, address);
    } catch {
      return false;
    }
  };
  const insist = async (datagram: Uint8Array, port: number): Promise<void> => {
    for (let i = 0; i < waitsMax; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (isSent(datagram, port)) return;
    }
    failed += 1;
  };
  return {
    send: (datagram, port) => (isSent(datagram, port) || isSent(datagram, port) ? undefined : insist(datagram, port)),
    failed: () => failed,
    close() {
      socket.close();
      return Promise.resolve();
    },
  };
}

/** Under Deno several sends at once overtake one another: each waits for the one before. */
async function nodeLink(address: string, family: number): Promise<Link> {
  const socket = createSocket(family === 6 ? "udp6" : "udp4");
  let failed = 0;
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(0, resolve);
  });
  socket.removeAllListeners("error");
  socket.on("error", () => {}); // each send's own answer tells
  return {
    send: (datagram, port) =>
      new Promise((resolve) =>
        socket.send(datagram, port, address, (error) => {
          if (error !== null && error !== undefined) failed += 1;
          resolve();
        }),
      ),
    failed: () => failed,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
