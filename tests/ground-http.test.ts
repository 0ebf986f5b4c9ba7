/** Ships, passes and listeners through HTTP: what is stored, what is shown, what is refused and why. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { buildPacket } from "../src/ground/ccsds.ts";
import { parseInstant } from "../src/http/date.ts";
import { freeUdpPort, sendTo } from "./support/ground.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const definition = {
  crc: false,
  packets: [
    {
      name: "HK",
      apid: 100,
      fields: [
        {
          name: "volts",
          type: "u16",
          unit: "V",
          calibration: { polynomial: [0, 0.01] },
          limits: { warning: { low: 20, high: 30 } },
        },
        { name: "mode", type: "u8" },
      ],
    },
  ],
};

const packet = (sequenceCount: number, centivolts: number): Uint8Array =>
  buildPacket({ apid: 100, sequenceCount, data: Uint8Array.of(centivolts >> 8, centivolts & 0xff, 7) });

const at = (inS: number): string => new Date(Date.now() + inS * 1000).toISOString();

/** Telemetry may outlive the database of a test. */
const aurora = `aurora-${randomUUID()}`;

describe("ships, passes and listeners over HTTP", () => {
  let node: TestRuntime;
  let token = "";
  before(async () => {
    node = await openTestRuntime();
    token = await node.tokenOf("publisher");
    const ship = await put(aurora, { format: "ccsds", packets: definition });
    assert.equal(ship.status, 200, ship.text);
  });
  after(() => node.stop());

  const put = (ship: string, body: unknown) => node.request("PUT", `/api/ship/${ship}`, { token, body });
  /** Each one asked for without a time of its own has one: a ship is in one pass at once. */
  let slots = 0;
  const slot = () => at(3600 + 200 * slots++);
  const post = (body: object, headers = {}) =>
    node.request("POST", "/api/pass", {
      token,
      headers,
      body: { ship: aurora, aos: slot(), duration_s: 60, ...body },
    });
  const get = (path: string) => node.request("GET", `/api${path}`);

  describe("a ship", () => {
    it("is registered, replaced, read and listed", async () => {
      const answer = await put("Ship_1.a-b", { format: "raw" });
      assert.equal(answer.status, 200);
      assert.deepEqual(Object.keys(answer.json).sort(), [
        "completeness_min",
        "format",
        "modified_by",
        "modified_date",
        "packets",
        "quota",
        "retention",
        "ship",
        "tle",
        "usage",
      ]);
      assert.deepEqual([answer.json.format, answer.json.packets, answer.json.modified_by], ["raw", null, "publisher"]);
      assert.match(answer.json.modified_date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
      await put("Ship_1.a-b", { format: "json", unknown: 1 });
      assert.equal((await get("/ship/Ship_1.a-b")).json.format, "json");
      const { rows } = (await get("/ship")).json;
      assert.deepEqual(
        rows.map((row: { ship: string }) => row.ship),
        ["Ship_1.a-b", aurora],
      );
      assert.equal((await get("/ship?limit=1")).json.next_after, "Ship_1.a-b");
      assert.equal((await get("/ship?limit=1&after=Ship_1.a-b")).json.next_after, null);
      assert.equal((await get(`/ship/${aurora}`)).json.packets.packets[0].name, "HK");
    });

    it("is refused a name that is more than a name", async () => {
      for (const name of [
        "..",
        ".hidden",
        "a%2Fb",
        "a:b",
        "*",
        "a%00b",
        "a%0d%0ab",
        "%7Ba%7D",
        "a b",
        "x".repeat(65),
        "ü",
      ]) {
        const { status, json } = await put(name, { format: "ccsds" });
        // A dot segment is gone before it gets here: then it is another path.
        assert.ok(status === 400 || (name === ".." && status >= 400), `${name}: ${status}`);
        if (status === 400) assert.equal(json.field, "ship");
      }
    });

    it("is refused a format or a definition that is none, and a caller without the role", async () => {
      assert.equal((await put("x", { format: "tcp" })).status, 400);
      assert.equal((await put("x", {})).status, 400);
      assert.equal((await put("x", { format: "raw", packets: definition })).json.field, "packets");
      const wrong = await put("x", { format: "ccsds", packets: { packets: [{ name: "A", apid: 5000, fields: [] }] } });
      assert.equal(wrong.status, 400);
      assert.match(wrong.json.field, /packets/);
      assert.equal((await get("/ship/x")).status, 404);
      const reader = await node.tokenOf("reader");
      const refused = await node.request("PUT", "/api/ship/x", { token: reader, body: { format: "raw" } });
      assert.equal(refused.status, 403);
      assert.equal((await node.request("PUT", "/api/ship/x", { body: { format: "raw" } })).status, 401);
    });
  });

  describe("a ship's quota and retention", () => {
    it("are none, replaced as a whole, left alone and taken away", async () => {
      const none = { packets_per_s: null, bytes_kept: null, hot_bytes: null };
      const defaults = { archive_days: null, hot_hours: null, snapshot_days: null };
      const tenancyOf = async (body: object) => {
        const { json, status, text } = await put("tenant", { format: "raw", ...body });
        assert.equal(status, 200, text);
        const { json: read } = await get("/ship/tenant");
        assert.deepEqual([read.quota, read.retention], [json.quota, json.retention]);
        return [json.quota, json.retention];
      };
      assert.deepEqual(await tenancyOf({}), [none, defaults]);
      const quota = { packets_per_s: 12.5, bytes_kept: 5_000_000_000_000 };
      assert.deepEqual(await tenancyOf({ quota }), [{ ...none, ...quota }, defaults]);
      const retention = { archive_days: 30 };
      assert.deepEqual(await tenancyOf({ retention }), [
        { ...none, ...quota },
        { ...defaults, ...retention },
      ]);
      assert.deepEqual(await tenancyOf({ quota: { hot_bytes: 2 ** 30 } }), [
        { ...none, hot_bytes: 2 ** 30 },
        { ...defaults, ...retention },
      ]);
      assert.deepEqual(await tenancyOf({ quota: null, retention: null }), [none, defaults]);
      const { json } = await get("/ship/tenant");
      assert.deepEqual(json.usage, { bytes_kept: 0, archive_bytes: 0, archives: 0, hot_bytes: 0 });
    });

    it("are refused where they cannot be", async () => {
      for (const [field, body] of [
        ["quota.packets_per_s", { quota: { packets_per_s: 0 } }],
        ["quota.packets_per_s", { quota: { packets_per_s: "many" } }],
        ["quota.hot_bytes", { quota: { hot_bytes: 1 } }],
        ["quota.bytes_kept", { quota: { bytes_kept: 1.5 } }],
        ["retention.archive_days", { retention: { archive_days: -1 } }],
        ["quota", { quota: { packets: 3 } }],
        ["retention", { retention: [] }],
      ] as const) {
        const answer = await put("tenant", { format: "raw", ...body });
        assert.deepEqual([answer.status, answer.json.field], [400, field], answer.text);
      }
    });
  });

  describe("a pass", () => {
    it("is planned with the configuration's margins, a port of its range, and is read back the same", async () => {
      const answer = await post({ station: "kiruna", aos: "2099-01-31T12:20:30.5+02:00", duration_s: 90.25 });
      assert.equal(answer.status, 200, answer.text);
      const pass = answer.json;
      assert.equal(pass.aos, "2099-01-31T10:20:30.500000+00:00");
      assert.equal(pass.los, "2099-01-31T10:22:00.750000+00:00");
      const { portMin, portMax, prepassMarginS, drainMarginS } = node.config.ground;
      assert.ok(pass.port >= portMin && pass.port <= portMax);
      assert.deepEqual([pass.prepass_margin_s, pass.drain_margin_s], [prepassMarginS, drainMarginS]);
      assert.deepEqual(
        [pass.state, pass.reason, pass.ledger, pass.counters, pass.dataset_id],
        ["planned", null, null, null, null],
      );
      assert.deepEqual((await get(`/pass/${pass.id}`)).json, pass);
      assert.deepEqual((await get(`/pass/${pass.id.toUpperCase().replaceAll("-", "")}`)).json, pass);
    });

    it("is one pass when sent twice, by id or by Idempotency-Key; another body is refused", async () => {
      const body = { id: randomUUID(), aos: at(7200) };
      const answers = await Promise.all([post(body), post(body), post(body)]);
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 200],
      );
      assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
      const other = await post({ ...body, duration_s: 61 });
      assert.deepEqual([other.status, other.json.pass_id], [409, body.id]);

      const key = { "Idempotency-Key": randomUUID() };
      const keyed = { aos: at(7300) };
      const [one, two] = [await post(keyed, key), await post(keyed, key)];
      assert.deepEqual([one.status, two.text], [200, one.text]);
      assert.equal((await post({ ...keyed, duration_s: 61 }, key)).status, 422);
    });

    it("is refused with the field and the reason", async () => {
      const cases: [object, number, string | undefined][] = [
        [{ aos: at(100), duration_s: null, los: at(50) }, 422, "los"],
        [{ duration_s: null }, 400, "los"],
        [{ los: at(7200) }, 400, "los"],
        [{ aos: "tomorrow" }, 400, "aos"],
        [{ aos: "2099-02-30T00:00:00Z" }, 400, "aos"],
        [{ aos: "2099-01-01 00:00" }, 400, "aos"],
        [{ duration_s: -1 }, 400, "duration_s"],
        [{ duration_s: 1e9 }, 400, "duration_s"],
        [{ port: 0 }, 400, "port"],
        [{ port: 65_536 }, 400, "port"],
        [{ port: "any" }, 400, "port"],
        [{ host: "not an address" }, 400, "host"],
        [{ id: "x" }, 400, "id"],
        [{ ship: "../etc" }, 400, "ship"],
        [{ ship: "nobody" }, 404, undefined],
        [{ template: "none such" }, 404, undefined],
        [{ station: "a\u0000b" }, 400, "station"],
      ];
      const before = (await get("/pass?limit=200")).json.rows.length;
      for (const [body, status, field] of cases) {
        const answer = await post(body);
        assert.equal(answer.status, status, `${JSON.stringify(body)}: ${answer.text}`);
        assert.equal(answer.json.field, field, answer.text);
      }
      assert.equal((await get("/pass?limit=200")).json.rows.length, before);
      const reader = await node.tokenOf("reader");
      assert.equal((await node.request("POST", "/api/pass", { token: reader, body: {} })).status, 400);
      const whole = { ship: "nobody", aos: at(1), duration_s: 1 };
      assert.equal((await node.request("POST", "/api/pass", { token: reader, body: whole })).status, 403);
      assert.equal((await node.request("POST", "/api/pass", { body: whole })).status, 401);
    });

    it("is refused a port that another pass has in that window, by its name", async () => {
      const port = await freeUdpPort();
      const first = await post({ port, aos: at(10_000) });
      const second = await post({ port, aos: at(10_030) });
      assert.deepEqual([second.status, second.json.pass_id, second.json.field], [409, first.json.id, "port"]);
      assert.equal((await post({ port, aos: at(10_200) })).status, 200);
    });

    it("in the past is missed, says so, and cannot be cancelled", async () => {
      const { json } = await post({ aos: at(-600) });
      assert.equal(json.state, "missed");
      assert.match(json.reason, /over/);
      const cancel = await node.request("PUT", `/api/pass/${json.id}/cancel`, { token });
      assert.deepEqual([cancel.status, cancel.json.state], [409, "missed"]);
    });

    it("is cancelled once and for all", async () => {
      const { id } = (await post({ aos: at(20_000) })).json;
      for (let i = 0; i < 2; i++) {
        const { status, json } = await node.request("PUT", `/api/pass/${id}/cancel`, { token });
        assert.deepEqual([status, json.state, json.reason], [200, "cancelled", "cancelled by publisher"]);
      }
      assert.equal((await node.request("PUT", `/api/pass/${randomUUID()}/cancel`, { token })).status, 404);
      assert.equal((await get(`/pass/${randomUUID()}`)).status, 404);
      assert.equal((await get("/pass/nonsense")).status, 400);
    });

    it("is listed by state and ship, the latest AOS first, a page at a time", async () => {
      await put("lister", { format: "raw" });
      const ids: string[] = [];
      for (const inS of [100_000, 300_000, 200_000]) ids.push((await post({ ship: "lister", aos: at(inS) })).json.id);
      const [early, late, middle] = ids;
      const idsOf = async (query: string) =>
        (await get(`/pass?ship=lister${query}`)).json.rows.map((row: { id: string }) => row.id);
      assert.deepEqual(await idsOf(""), [late, middle, early]);
      assert.deepEqual(await idsOf("&limit=2"), [late, middle]);
      assert.deepEqual(await idsOf("&limit=2&page=1"), [early]);
      assert.equal((await get("/pass?ship=lister&limit=2")).json.next_page, 1);
      assert.equal((await get("/pass?ship=lister&limit=2&page=1")).json.next_page, null);
      assert.deepEqual(await idsOf("&state=missed"), []);
      for (const query of ["state=done", "page=-1", "page=x", "limit=0", "limit=201"]) {
        assert.equal((await get(`/pass?${query}`)).status, 400, query);
      }
    });
  });

  it("shows a pass while it receives: listener, counters, latest values, packets; and its ledger at the end", async () => {
    const { json: pass } = await post({ aos: at(1), duration_s: 3, prepass_margin_s: 0.9 });
    await until("receiving", async () => {
      const { state, reason } = (await get(`/pass/${pass.id}`)).json;
      assert.ok(["planned", "prepass", "receiving"].includes(state), `${state}: ${reason}`);
      return state === "receiving";
    });
    await sendTo(pass.port, [packet(0, 2500), packet(1, 2510), packet(3, 3100)]);
    await until("three packets", async () => (await get(`/pass/${pass.id}`)).json.counters?.stored === 3);
    assert.equal((await get(`/ship/${aurora}/telemetry/count`)).json.count, 3);

    const stream = (await get("/stream")).json;
    assert.equal(stream.count, 1);
    const [listener] = stream.listeners;
    assert.deepEqual(
      [listener.pass_id, listener.ship, listener.port, listener.state],
      [pass.id, aurora, pass.port, "receiving"],
    );

    const live = (await get(`/pass/${pass.id}`)).json;
    assert.deepEqual([live.counters.stored, live.counters.missing, live.ledger.apids[0].apid], [3, 1, 100]);
    assert.ok(live.opened_date);

    const { volts, mode } = (await get(`/ship/${aurora}/telemetry/latest`)).json.parameters;
    assert.deepEqual([volts.value, volts.raw, volts.unit, volts.limit, mode.value], [31, 3100, "V", "warning_high", 7]);

    const newest = (await get(`/ship/${aurora}/telemetry/packets?limit=2`)).json;
    assert.deepEqual(
      newest.rows.map((row: { header: { sequence_count: number } }) => row.header.sequence_count),
      [3, 1],
    );
    assert.equal(newest.rows[0].data, packet(3, 3100).toHex());
    const rest = (await get(`/ship/${aurora}/telemetry/packets?limit=2&encoding=base64&before=${newest.next_before}`))
      .json;
    assert.deepEqual([rest.rows.length, rest.next_before, rest.rows[0].data], [1, null, packet(0, 2500).toBase64()]);
    for (const query of ["limit=1001", "encoding=xml", "before=nonsense", "before=Li4vLi4vZXRjfDF8MQ"]) {
      assert.equal((await get(`/ship/${aurora}/telemetry/packets?${query}`)).status, 400, query);
    }

    await until("completed", async () => (await get(`/pass/${pass.id}`)).json.state === "completed");
    const done = (await get(`/pass/${pass.id}`)).json;
    assert.deepEqual([done.ledger.received, done.ledger.stored, done.ledger.missing], [3, 3, 1]);
    assert.deepEqual([done.archive.packets, done.archive.format, done.node], [3, "ccsds", null]);
    assert.equal((await get("/stream")).json.count, 0);
    const file = await fetch(`${node.url}/api/pass/${pass.id}/archive`);
    assert.deepEqual([file.status, file.headers.get("etag")], [200, `"${done.archive.sha256}"`]);
    const sent = [packet(0, 2500), packet(1, 2510), packet(3, 3100)];
    assert.deepEqual(new Uint8Array(await file.arrayBuffer()), new Uint8Array(Buffer.concat(sent)));
    assert.equal((await get(`/pass/${randomUUID()}/archive`)).status, 404);
    assert.equal((await get(`/ship/${aurora}/telemetry/latest`)).json.parameters.volts.value, 31);
    assert.equal((await get("/ship/nobody/telemetry/count")).status, 404);
  });

  it("tells the document of all of it", async () => {
    const { paths } = (await node.request("GET", "/spec")).json;
    for (const path of ["/ship/{ship}", "/ship", "/pass", "/pass/{pass_id}", "/pass/{pass_id}/cancel", "/stream"]) {
      assert.ok(paths[path], path);
    }
    for (const what of ["count", "latest", "packets"]) assert.ok(paths[`/ship/{ship}/telemetry/${what}`]);
    assert.ok(paths["/pass"].post.security);
  });
});

describe("dates in requests", () => {
  it("are read as UTC with microseconds, or not at all", () => {
    assert.equal(parseInstant("2026-01-31T10:20:30Z"), "2026-01-31T10:20:30.000000+00:00");
    assert.equal(parseInstant("2026-01-31T10:20:30.123456789-01:30"), "2026-01-31T11:50:30.123456+00:00");
    for (const text of [
      "",
      "2026-01-31",
      "2026-13-01T00:00:00Z",
      "2026-02-29T00:00:00Z",
      "2026-01-31T24:00:00Z",
      "2026-01-31T10:20:30",
    ]) {
      assert.equal(parseInstant(text), null, text);
    }
  });
});
