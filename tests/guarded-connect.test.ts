/** The guard of outgoing connections: which addresses are public, and that nothing reaches one which is not, whatever the name says. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createTlsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { isPublic, parseAddress, parseRange } from "../src/compute/address-range.ts";
import { type AllowPrivate, connectGuarded, guardOf, hostOf } from "../src/compute/guarded-connect.ts";
import { type RequestAsk, requestGuarded } from "../src/compute/guarded-request.ts";
import { type Receiver, receiver } from "./support/receiver.ts";

const signal = new AbortController().signal;
const isPublicText = (text: string): boolean => {
  const address = parseAddress(text);
  assert.ok(address, `${text} is no address`);
  return isPublic(address);
};

describe("an address", () => {
  it("is not public when it is loopback, private, link-local, shared, multicast, reserved, or stands for one that is", () => {
    const refused = `0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254
      172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9
      224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
      :: ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:a9fe:a9fe ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::169.254.169.254
      64:ff9b:1::1 2002:7f00:1:: 2002:c0a8:1::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 100::1 2001::1 2001:db8::1
      3fff::1 4000::1 0:0:0:0:0:0:0:1 0000:0000:0000:0000:0000:ffff:7f00:0001`;
    for (const text of refused.split(/\s+/)) assert.equal(isPublicText(text), false, text);
  });

  it("is public otherwise", () => {
    const taken = `1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255 172.15.255.255
      172.32.0.0 192.167.255.255 223.255.255.255 2606:4700:4700::1111 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::808:808`;
    for (const text of taken.split(/\s+/)) assert.equal(isPublicText(text), true, text);
  });

  it("is none when it is written otherwise: a resolver or the URL makes those plain first", () => {
    for (const text of [
      "2130706433",
      "0x7f.0.0.1",
      "127.1",
      "0177.0.0.1",
      "1.2.3",
      "1.2.3.4.5",
      "256.1.1.1",
      ":::",
      "1::2::3",
      "::g",
      "",
      "localhost",
    ])
      assert.equal(parseAddress(text), null, text);
    for (const url of [
      "http://2130706433/",
      "http://0x7f.1/",
      "http://0177.0.0.1/",
      "http://127.1/",
      "http://①②⑦.0.0.1/",
      "http://127.0.0.1./",
    ])
      assert.equal(hostOf(new URL(url)), "127.0.0.1", url);
    assert.equal(hostOf(new URL("http://[::FFFF:127.0.0.1]/")), "::ffff:7f00:1");
  });

  it("is allowed by a range, by itself, or by the name that it was found under", () => {
    const may = (host: string, address: string, allow: AllowPrivate) => guardOf(host, allow)(address);
    assert.ok(may("a.test", "10.2.3.4", ["10.2.0.0/16"]));
    assert.ok(!may("a.test", "10.3.3.4", ["10.2.0.0/16"]));
    assert.ok(may("a.test", "::ffff:10.2.3.4", ["10.2.0.0/16"]));
    assert.ok(may("a.test", "::1", ["[::1]"]));
    assert.ok(may("a.test", "fd00::5", ["fd00::/8"]));
    assert.ok(may("a.test", "10.9.9.9", ["A.test"]));
    assert.ok(!may("b.a.test", "10.9.9.9", ["a.test"]));
    assert.ok(!may("a.test", "169.254.169.254", ["10.0.0.0/8"]));
    assert.ok(may("a.test", "169.254.169.254", true));
    for (const text of ["10.0.0.0/33", "10.0.0.0/x", "10.0.0/8", "::/129", "a/b/c"])
      assert.equal(parseRange(text), null, text);
  });
});

describe("a guarded connection", () => {
  let service: Receiver;
  let port = "";
  before(async () => {
    service = await receiver();
    ({ port } = new URL(service.url));
  });
  after(() => service.close());
  const ask = (host: string, more: Partial<RequestAsk> = {}): RequestAsk => ({
    url: new URL(`http://${host}:${port}/x?y=1`),
    method: "GET",
    allowPrivate: false,
    timeoutMs: 2000,
    answerBytesMax: 1000,
    signal,
    ...more,
  });

  it("is refused before a byte is sent, in whatever notation the address is given", async () => {
    const before = service.connections();
    for (const host of [
      "127.0.0.1",
      "localhost",
      "2130706433",
      "0x7f000001",
      "0177.0.0.1",
      "127.1",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "0.0.0.0",
      "169.254.169.254",
    ]) {
      await assert.rejects(requestGuarded(ask(host)), { code: "address_refused" }, host);
    }
    assert.equal(service.connections(), before);
  });

  it("goes to the very address that was judged: a name is resolved once", async () => {
    const before = service.connections();
    // As in DNS rebinding: one that is allowed when it is looked at (nobody listens there), another one when it is used.
    const answers = [["127.0.0.2"], ["127.0.0.1"]];
    let asked = 0;
    const rebinding = async () => answers[Math.min(asked++, 1)] ?? [];
    const rebound = ask("rebinding.test", { resolve: rebinding, allowPrivate: ["127.0.0.2"] });
    await assert.rejects(requestGuarded(rebound), { code: "network" });
    assert.equal(asked, 1);
    assert.equal(service.connections(), before);
    await assert.rejects(requestGuarded(ask("inside.test", { resolve: async () => ["127.0.0.1"] })), {
      code: "address_refused",
      message: /inside\.test \(127\.0\.0\.1\) as it is not a public address: list it in allow_private/,
    });
    assert.equal(service.connections(), before);
  });

  it("is made to an allowed address, with the host's name in the request", async () => {
    service.answer = ({ headers, url }) => ({ status: 200, body: `${headers.host} ${url}` });
    const resolve = async () => ["127.0.0.1"];
    const before = service.connections();
    for (const allowPrivate of [["127.0.0.0/8"], ["inside.test"], true]) {
      const answer = await requestGuarded(ask("inside.test", { resolve, allowPrivate }));
      assert.deepEqual([answer.status, answer.text], [200, `inside.test:${port} /x?y=1`]);
    }
    assert.equal(service.connections(), before + 3, "each request has a connection of its own, which was judged");
  });

  it("tries the next address when one does not answer, and leaves out the private ones", async () => {
    const resolve = async () => ["10.0.0.1", "127.0.0.2", "127.0.0.1"];
    const answer = await requestGuarded(ask("several.test", { resolve, allowPrivate: ["127.0.0.0/8"] }));
    assert.equal(answer.status, 200);
  });

  it("ends at its deadline, on abort, when the answer is too long, and when it breaks off", async () => {
    const allowed = { allowPrivate: true };
    service.answer = () => null;
    await assert.rejects(requestGuarded(ask("127.0.0.1", { ...allowed, timeoutMs: 80 })), { code: "timeout" });
    const abort = new AbortController();
    const aborting = requestGuarded(ask("127.0.0.1", { ...allowed, signal: abort.signal }));
    abort.abort(new Error("not needed any more"));
    await assert.rejects(aborting, { code: "aborted", message: "not needed any more" });
    service.answer = () => ({ status: 200, body: "x".repeat(1001) });
    await assert.rejects(requestGuarded(ask("127.0.0.1", allowed)), { code: "answer_too_large" });
    service.raw = (_, response) => {
      // A byte now and then: each one alone would keep an idle timer from firing.
      response.writeHead(200, { "content-length": "1000" });
      const drip = setInterval(() => response.write("x"), 20);
      response.on("close", () => clearInterval(drip));
    };
    await assert.rejects(requestGuarded(ask("127.0.0.1", { ...allowed, timeoutMs: 150 })), { code: "timeout" });
    service.raw = (_, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("x");
      setTimeout(() => response.socket?.destroy(), 20);
    };
    await assert.rejects(requestGuarded(ask("127.0.0.1", allowed)), { code: "network" });
    service.raw = (_, response) => {
      response.socket?.end("this is no HTTP\r\n\r\n");
    };
    await assert.rejects(requestGuarded(ask("127.0.0.1", allowed)), { code: "network" });
    service.raw = null;
  });

  it("says what it could not reach, and never a path or a query", async () => {
    const url = new URL("http://127.0.0.1:1/secret-path?token=hunter2");
    await assert.rejects(requestGuarded({ ...ask("x"), url, allowPrivate: true }), (error: Error) => {
      assert.match(error.message, /Cannot reach 127\.0\.0\.1:1/);
      assert.doesNotMatch(error.message, /secret-path|hunter2/);
      return true;
    });
    const nowhere = ask("nowhere.test", { resolve: () => Promise.reject(new Error("ENOTFOUND nowhere.test")) });
    await assert.rejects(requestGuarded(nowhere), { code: "network", message: /ENOTFOUND nowhere\.test/ });
  });
});

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
describe("a guarded connection with TLS", { skip: hasOpenssl ? false : "openssl is not installed" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "orrery-tls-"));
  let service: Receiver;
  let ca = "";
  before(async () => {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const names = ["-subj", "/CN=hook.test", "-addext", "subjectAltName=DNS:hook.test"];
    const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    spawnSync("openssl", ["req", "-x509", ...made, "-keyout", key, "-out", cert, ...names]);
    ca = readFileSync(cert, "utf8");
    service = await receiver(createTlsServer({ key: readFileSync(key), cert: ca }) as never, "https"); // the same but for TLS
  });
  after(async () => {
    await service.close();
    rmSync(folder, { recursive: true });
  });
  const ask = (host: string, more: Partial<RequestAsk> = {}): RequestAsk => ({
    url: new URL(`https://${host}:${new URL(service.url).port}/`),
    method: "POST",
    body: "hello",
    allowPrivate: ["127.0.0.1"],
    timeoutMs: 5000,
    answerBytesMax: 1000,
    signal,
    resolve: async () => ["127.0.0.1"],
    ...more,
  });

  it("checks the certificate against the host's name, although it connects to an address", async () => {
    service.answer = ({ body }) => ({ status: 200, body });
    assert.equal((await requestGuarded(ask("hook.test", { ca }))).text, "hello");
    await assert.rejects(requestGuarded(ask("other.test", { ca })), {
      code: "network",
      message: /altnames|certificate/,
    });
    await assert.rejects(requestGuarded(ask("127.0.0.1", { ca })), { code: "network" });
    await assert.rejects(requestGuarded(ask("hook.test")), { code: "network", message: /self[- ]signed/ });
  });

  it("is refused to a private address as well", async () => {
    await assert.rejects(connectGuarded({ ...ask("hook.test", { ca }), allowPrivate: false }), {
      code: "address_refused",
    });
  });
});
