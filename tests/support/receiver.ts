/** A web service for tests: notes what it is sent, and answers as it is told. */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";

export interface Received {
  readonly url: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface TestAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** Connections that were made, requests or not. */
  connections(): number;
  /** What it answers; null: nothing, for ever. */
  answer: (received: Received) => TestAnswer | null | Promise<TestAnswer | null>;
  /** Instead of `answer`: does with the response what it likes. */
  raw: ((received: Received, response: ServerResponse) => void) | null;
  close(): Promise<void>;
}

export async function receiver(server: Server = createServer(), scheme = "http", atPort = 0): Promise<Receiver> {
  const received: Received[] = [];
  let connections = 0;
  server.on("connection", () => {
    connections += 1;
  });
  server.on("request", (request, response) => {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    request.on("end", async () => {
      const { url = "", method = "", headers } = request;
      const one = { url, method, headers, body: Buffer.concat(chunks).toString() };
      received.push(one);
      if (service.raw !== null) return service.raw(one, response);
      const answer = await service.answer(one);
      if (answer === null) return;
      response.writeHead(answer.status, answer.headers);
      response.end(answer.body ?? "");
    });
  });
  await new Promise<void>((resolve) => server.listen(atPort, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number }; // it listens on TCP
  const service: Receiver = {
    url: `${scheme}://127.0.0.1:${port}`,
    received,
    connections: () => connections,
    answer: () => ({ status: 200, body: "null" }),
    raw: null,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return service;
}
