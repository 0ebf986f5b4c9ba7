/** The way to the Kafka that TEST_KAFKA names, for tests that cut it or speak TLS. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect, createServer as createPlain } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import type { Admin } from "@platformatic/kafka";
import { until } from "./signal.ts";
import { openTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

/** Host and port; undefined where there is none. */
export const kafka = process.env.TEST_KAFKA;
export const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

/** A broker hears of a topic a moment after it was made. */
export async function makeTopic(
  admin: Admin,
  topic: string,
  partitions: number,
  configs: { name: string; value: string }[] = [],
): Promise<void> {
  await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs });
  await until(`topic ${topic}`, () =>
    admin.metadata({ topics: [topic], forceUpdate: true }).then(
      () => true,
      () => false,
    ),
  );
}

/** Takes a connection, says what is no TLS, and ends it. */
export async function openPlainServer(): Promise<{ readonly broker: string; close(): Promise<void> }> {
  const plain = createPlain((socket) =>
    socket
      .on("error", () => {})
      .resume()
      .end("hello"),
  );
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  const { port } = plain.address() as { port: number }; // it listens on TCP
  return { broker: `127.0.0.1:${port}`, close: () => new Promise((resolve) => void plain.close(() => resolve())) };
}

/** Brokers say where they are: an answer must say a proxy's port instead, or clients would go around it. */
function movedTo(port: number, answer: Buffer): Buffer {
  const { hostname, port: own } = new URL(`kafka://${kafka}`);
  const place = Buffer.from(`${hostname}\0\0\0\0`);
  place.writeInt32BE(Number(own), place.length - 4);
  const found = answer.indexOf(place);
  if (found >= 0) answer.writeInt32BE(port, found + place.length - 4);
  return answer;
}

export type KafkaProxy = TcpProxy & { readonly address: string };

/** `onAnswer`: is given each chunk that the broker sends, and may change it. */
export async function openKafkaProxy(onAnswer?: (bytes: Buffer) => void): Promise<KafkaProxy> {
  const proxy = await openTcpProxy(`kafka://${kafka}`, (bytes) => {
    onAnswer?.(bytes);
    return movedTo(Number(new URL(proxy.url).port), bytes);
  });
  return Object.assign(proxy, { address: new URL(proxy.url).host });
}

/** In front of the broker, with a certificate for these names, which is put into the folder as `name.pem`. */
export async function openTlsProxy(
  folder: string,
  name: string,
  names: string,
): Promise<{ port: number; close(): Promise<void> }> {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const named = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=${names}`];
  spawnSync("openssl", ["req", "-x509", ...made, "-keyout", key, "-out", cert, ...named]);
  const { hostname, port: own } = new URL(`kafka://${kafka}`);
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (client) => {
    const broker = connect(Number(own), hostname);
    client.on("error", () => broker.destroy()).on("close", () => broker.destroy());
    broker.on("error", () => client.destroy()).on("close", () => client.destroy());
    client.on("data", (bytes) => broker.write(bytes));
    broker.on("data", (bytes: Buffer) => client.write(movedTo(port, bytes)));
  });
  server.on("tlsClientError", () => {}); // a client that does not trust it
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number }; // it listens on TCP
  return { port, close: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}
