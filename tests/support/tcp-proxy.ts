/** A TCP proxy that can go silent: what a half-open connection, a lost answer or a cut cable looks like from a client. */
import net from "node:net";

export interface TcpProxy {
  /** The address that it stands for, with its own host and port. */
  readonly url: string;
  /** Nothing is forwarded any more on the connections that are open now, and nobody is told. Later ones work. */
  freeze(): void;
  /** From the first chunk to the server that holds `text`: it is forwarded, answers are not. Resolves when that was seen. */
  swallowAnswerTo(text: string): Promise<void>;
  /** Refuses new connections, and cuts those that are open. */
  cut(): Promise<void>;
  restore(): Promise<void>;
  close(): Promise<void>;
}

interface Pair {
  readonly client: net.Socket;
  readonly server: net.Socket;
  frozen: boolean;
  mute: boolean;
}

/** `answers`: what is made of each chunk that the server sends; of the same length. */
export async function openTcpProxy(target: string, answers = (bytes: Buffer): Buffer => bytes): Promise<TcpProxy> {
  const to = new URL(target);
  const pairs = new Set<Pair>();
  let awaited: { text: string; seen: () => void } | null = null;

  const accept = (client: net.Socket) => {
    const pair: Pair = { client, server: net.connect(Number(to.port), to.hostname), frozen: false, mute: false };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      pair.server.destroy();
    };
    for (const socket of [client, pair.server]) socket.on("error", end).on("close", end);
    client.on("data", (bytes) => {
      if (pair.frozen) return;
      if (awaited !== null && bytes.includes(awaited.text)) {
        pair.mute = true;
        awaited.seen();
        awaited = null;
      }
      pair.server.write(bytes);
    });
    pair.server.on("data", (bytes) => {
      if (!pair.frozen && !pair.mute) client.write(answers(typeof bytes === "string" ? Buffer.from(bytes) : bytes));
    });
  };

  let listener = net.createServer(accept);
  const listen = (port: number) =>
    new Promise<void>((resolve) => {
      listener.listen(port, "127.0.0.1", resolve);
    });
  await listen(0);
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("The proxy has no port");
  const url = new URL(target);
  url.hostname = "127.0.0.1";
  url.port = String(address.port);

  async function cut(): Promise<void> {
    for (const { client, server } of pairs) {
      client.destroy();
      server.destroy();
    }
    if (listener.listening) await new Promise((resolve) => listener.close(resolve));
  }

  return {
    url: url.href,
    freeze() {
      for (const pair of pairs) pair.frozen = true;
    },
    swallowAnswerTo: (text) =>
      new Promise((seen) => {
        awaited = { text, seen };
      }),
    cut,
    async restore() {
      listener = net.createServer(accept);
      await listen(address.port);
    },
    close: cut,
  };
}
