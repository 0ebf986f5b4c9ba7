/** What Open MCT asks for, over HTTP and a WebSocket, and live values as server-sent events: what is told, to whom, and what is refused. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { buildPacket } from "../src/ground/ccsds.ts";
import type { LatestValue } from "../src/ground/latest.ts";
import { createLiveValues, type LiveValues } from "../src/http/live-values.ts";
import { openmctSockets } from "../src/http/openmct-socket.ts";
import { instantOf } from "../src/model/clock.ts";
import { createLog } from "../src/observe/log.ts";
import { beginPass, type FlownPass, openNodeOfShip } from "./support/flown-pass.ts";
import type { TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const definition = {
  packets: [
    {
      apid: 100,
      name: "power",
      time: "clock",
      fields: [
        { name: "clock", type: "cuc", epoch: "unix" },
        { name: "volts", type: "u16", unit: "V" },
        { name: "mode", type: "u8", description: "What it does", calibration: { enum: { 1: "safe" } } },
        { name: "note", type: "string", bytes: 4 },
      ],
    },
  ],
};
const ship = `mct-${randomUUID()}`;
const takenS = Math.floor(Date.now() / 1000) - 3600;

function packet(sequenceCount: number, second: number, volts: number) {
  const data = Buffer.alloc(11);
  data.writeUInt32BE(takenS + second, 0);
  data.writeUInt16BE(volts, 4);
  data.writeUInt8(1, 6);
  data.write("hey", 7);
  return buildPacket({ apid: 100, sequenceCount, data });
}

interface Datum {
  readonly id: string;
  readonly timestamp: number;
  readonly value: number | string;
}

/** A WebSocket that remembers what it was told. */
async function openSocket(node: TestRuntime) {
  const heard: (Datum & { error?: string })[] = [];
  const socket = new WebSocket(`${node.url.replace("http", "ws")}/openmct/realtime`);
  let closedBy: number | null = null;
  socket.onmessage = ({ data }) => heard.push(JSON.parse(String(data)));
  socket.onclose = ({ code }) => {
    closedBy = code;
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return { socket, heard, closedBy: () => closedBy };
}

describe("Open MCT and live values", () => {
  let node: TestRuntime;
  let pass: FlownPass;
  before(async () => {
    node = await openNodeOfShip(ship, definition);
    pass = await beginPass(node, ship, 30);
    await pass.send(Array.from({ length: 200 }, (_, i) => packet(i, i, 100 + i)));
  });
  after(() => node.stop());

  const get = (path: string) => node.request("GET", `/openmct${path}`);
  const history = async (point: string, query: string): Promise<Datum[]> =>
    (await get(`/history/${point}?${query}`)).json;
  const volts = `${ship}~volts`;
  const timeOf = (second: number) => (takenS + second) * 1000;
  const all = `start=${timeOf(-10)}&end=${timeOf(1000)}`;

  it("has a dictionary of the ships with a definition, and of a ship's points", async () => {
    const ships = (await get("/dictionary")).json;
    assert.ok(ships.some(({ key }: { key: string }) => key === ship));
    const { key, measurements } = (await get(`/dictionary/${ship}`)).json;
    assert.equal(key, ship);
    const utc = { key: "utc", source: "timestamp", name: "Time", format: "utc", hints: { domain: 1 } };
    assert.deepEqual(measurements[1], {
      key: volts,
      name: "volts",
      values: [{ key: "value", name: "volts", units: "V", hints: { range: 1 } }, utc],
    });
    assert.deepEqual(measurements[2].values[0], {
      key: "value",
      name: "What it does",
      format: "enum",
      enumerations: [{ value: 1, string: "safe" }],
      hints: { range: 1 },
    });
    assert.equal(measurements[3].values[0].format, "string");
  });

  it("has history in the order of time: each value, the newest ones, or extremes a bucket", async () => {
    const each = await history(volts, all);
    assert.deepEqual(
      each,
      Array.from({ length: 200 }, (_, i) => ({ id: volts, timestamp: timeOf(i), value: 100 + i })),
    );
    assert.deepEqual(await history(volts, `start=${timeOf(5)}&end=${timeOf(7)}`), each.slice(5, 8));
    assert.deepEqual(await history(volts, `${all}&strategy=latest`), each.slice(-1));
    assert.deepEqual(await history(volts, `${all}&strategy=latest&size=3`), each.slice(-3));
    assert.deepEqual(
      await history(volts, `start=${timeOf(0)}&end=${timeOf(9)}&strategy=latest&size=2`),
      each.slice(8, 10),
    );
    const few = await history(volts, `${all}&strategy=minmax&size=10`);
    assert.ok(few.length <= 20 && few.length > 5, `${few.length}`);
    assert.deepEqual([few[0]?.value, few.at(-1)?.value], [100, 299]);
    assert.deepEqual(
      few,
      few.toSorted((a, b) => a.timestamp - b.timestamp),
    );
    assert.deepEqual(await history(volts, `start=${timeOf(5000)}&end=${timeOf(6000)}`), []);
    assert.deepEqual((await history(`${ship}~mode`, `${all}&strategy=latest`))[0]?.value, 1);
    assert.deepEqual(await history(`${ship}~note`, all), [
      { id: `${ship}~note`, timestamp: timeOf(199), value: "hey" },
    ]);
  });

  it("tells a socket of the newest value and of each that comes, one datum a message, until it has heard enough", async () => {
    const { socket, heard } = await openSocket(node);
    socket.send(`subscribe ${volts}`);
    await until("the value of now", () => heard.length === 1);
    assert.deepEqual(heard[0], { id: volts, timestamp: timeOf(199), value: 299 });
    socket.send(`subscribe ${ship}~mode`);
    await until("another point", () => heard.length === 2);
    assert.equal(heard[1]?.value, 1);
    await pass.send([packet(200, 200, 400)]);
    await until("a new value", () => heard.some(({ id, value }) => id === volts && value === 400));
    socket.send(`unsubscribe ${volts}`);
    socket.send("subscribe me");
    await until("the refusal, after what came before it", () => heard.at(-1)?.error !== undefined);
    const count = heard.filter(({ id }) => id === volts).length;
    await pass.send([packet(201, 201, 401)]);
    await until("the other point only", () => heard.filter(({ timestamp }) => timestamp === timeOf(201)).length > 0);
    assert.equal(heard.filter(({ id }) => id === volts).length, count);
    socket.close();
  });

  it("answers nonsense with an error and goes on, and ends a socket that sends too much", async () => {
    const { socket, heard } = await openSocket(node);
    const nonsense = [
      "",
      "subscribe",
      "SUBSCRIBE a~b",
      "subscribe a~b~c",
      "subscribe ../..~x",
      "subscribe nobody~volts",
      `subscribe ${ship}~amps`,
      `subscribe ${ship}~volts\r\nsubscribe x`,
      "subscribe a:*~\u0000",
      `unsubscribe ${ship}`,
    ];
    for (const text of nonsense) socket.send(text);
    await until("an error each", () => heard.length === nonsense.length);
    assert.ok(heard.every(({ error }) => typeof error === "string" && error.length < 300));
    socket.send(`subscribe ${volts}`);
    await until("a value all the same", () => heard.some(({ id }) => id === volts));
    socket.close();

    const large = await openSocket(node);
    large.socket.send(`subscribe ${"x".repeat(5000)}`);
    await until("closed", () => large.closedBy() !== null);
    const binary = await openSocket(node);
    binary.socket.send(new Uint8Array([1, 2, 3]));
    await until("closed", () => binary.closedBy() === 1003);
  });

  it("refuses what cannot be answered, and says why", async () => {
    const cases: [path: string, status: number, detail: RegExp][] = [
      [`/history/${volts}?start=9&end=5`, 400, /start: it must not be after the end/],
      [`/history/${volts}?start=now`, 400, /start: milliseconds since 1970/],
      [`/history/${volts}?start=1e99`, 400, /start/],
      [`/history/${volts}?size=0`, 400, /size: a whole number from 1 to 10000/],
      [`/history/${volts}?size=1000000`, 400, /size/],
      [`/history/${volts}?strategy=all`, 400, /strategy: one of latest, minmax/],
      [`/history/${ship}~amps`, 404, /no parameter amps/],
      ["/history/volts", 400, /ship~parameter/],
      ["/history/..%2f..~x", 400, /ship/],
      ["/history/a%0d%0ab~x", 400, /ship/],
      [`/history/${ship}~a%00b`, 404, /no parameter/],
      ["/history/nobody~volts", 404, /no ship nobody/],
      ["/dictionary/a*:b", 400, /ship/],
      ["/realtime", 400, /a WebSocket is needed/],
    ];
    for (const [path, status, detail] of cases) {
      const answer = await get(path);
      assert.equal(answer.status, status, `${path}: ${answer.text}`);
      assert.match(answer.json.detail, detail, path);
    }
    assert.equal((await get("/dist/..%2f..%2fpackage.json")).status, 404);
    assert.match((await get("/orrery.js")).text, /export function orreryPlugin/);
  });

  it("sends a page that does not keep up the newest value of each point, and no others", async () => {
    let hear: Parameters<LiveValues["subscribe"]>[1] = () => {};
    const live: LiveValues = {
      subscribe(_, given) {
        hear = given;
        return () => {};
      },
      valuesOf: () => new Map(),
      stop() {},
    };
    const closing = new AbortController();
    const { database } = node.runtime;
    const connection = openmctSockets({ database, closing: closing.signal }, live).listener();
    const sent: Datum[] = [];
    let waitingBytes = 0;
    let closedWith: number | null = null;
    connection.opened({
      send: (text) => sent.push(JSON.parse(text)),
      get waitingBytes() {
        return waitingBytes;
      },
      close(code) {
        closedWith = code;
      },
    });
    const value = (number: number): LatestValue => ({
      ...{ value: number, raw: number, unit: null, limit: null, packet: "power" },
      at: instantOf(timeOf(number)),
    });
    connection.said(`subscribe ${volts}`);
    connection.said(`subscribe ${ship}~mode`);
    await until("subscribed", () => {
      hear({ volts: value(0), mode: value(0) });
      return sent.some(({ id }) => id.endsWith("mode"));
    });
    sent.length = 0;
    waitingBytes = 1_000_000;
    for (let n = 1; n <= 10_000; n++) hear({ volts: value(n), ...(n % 2 === 0 && { mode: value(n) }) });
    assert.deepEqual(sent, []);
    waitingBytes = 0;
    await until("room again", () => sent.length === 2);
    assert.deepEqual(
      sent.map(({ id, value }) => [id, value]),
      [
        [volts, 10_000],
        [`${ship}~mode`, 10_000],
      ],
    );
    for (let n = 0; n < 5000; n++) connection.said("nonsense");
    assert.equal(closedWith, 1008);
    closing.abort();
  });

  it("looks for values only while somebody listens", async () => {
    const watch = () => {
      const seen = { looks: 0 };
      const ground = {
        liveValues() {
          seen.looks += 1;
          return [];
        },
      };
      const { sql } = node.runtime.database;
      const live = createLiveValues({ sql, ground, log: createLog("silent") });
      return { seen, stop: live.subscribe(ship, () => {}) };
    };
    const first = watch();
    await until("a look", () => first.seen.looks > 0);
    first.stop();
    const { looks } = first.seen;
    const second = watch();
    await until("looks of another", () => second.seen.looks > 2);
    second.stop();
    assert.equal(first.seen.looks, looks);
  });

  it("streams a ship's values as server-sent events, those of now first", async () => {
    const aborter = new AbortController();
    const path = `${node.url}/api/ship/${ship}/parameter/live?parameter=volts&parameter=note`;
    const response = await fetch(path, { signal: aborter.signal });
    assert.deepEqual([response.status, response.headers.get("content-type")], [200, "text/event-stream"]);
    let text = "";
    const reading = (async () => {
      for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) text += chunk;
    })().catch(() => {});
    const told = () =>
      [...text.matchAll(/^event: values\ndata: (.*)$/gm)].map(
        ([, data]) => JSON.parse(data ?? "") as Record<string, LatestValue>,
      );
    await until("the values of now", () => told().length > 0);
    const [now] = told();
    assert.deepEqual(Object.keys(now ?? {}).sort(), ["note", "volts"]);
    assert.equal(now?.note?.value, "hey");
    await pass.send([packet(300, 300, 555)]);
    await until("a new value", () => told().some((values) => values.volts?.value === 555));
    assert.equal(told().at(-1)?.volts?.taken, instantOf(timeOf(300)));
    aborter.abort();
    await reading;
    const unknown = await node.request("GET", `/api/ship/${ship}/parameter/live?parameter=amps`);
    assert.equal(unknown.status, 404);
    assert.equal((await node.request("GET", "/api/ship/nobody/parameter/live")).status, 404);
    const { paths } = (await node.request("GET", "/spec")).json;
    assert.ok(paths["/ship/{ship}/parameter/live"].get.responses["200"].content["text/event-stream"]);
  });
});
