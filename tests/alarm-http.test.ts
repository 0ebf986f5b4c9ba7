/** Alarms over HTTP: found by filters, acknowledged under one's name, told live and to a signed webhook, shown on pages. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { isSignedWebhook } from "../src/compute/webhook.ts";
import { systemClock } from "../src/model/clock.ts";
import { open } from "../src/runtime.ts";
import type { AlarmRaise } from "../src/store/alarm-changes.ts";
import { EventReader } from "./support/events.ts";
import { done, refused } from "./support/http.ts";
import { receiver } from "./support/receiver.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

let api: TestRuntime;
before(async () => {
  api = await openTestRuntime();
});
after(() => api.stop());

type Told = AlarmRaise & { readonly resolution: null };

/** An alarm as a pass would raise and clear it; each scene has a ship and a pass of its own. */
function scene(node = api) {
  const ship = `ship-${randomUUID()}`;
  const passId = randomUUID();
  const of = (more: Partial<Told> = {}): Told => ({
    kind: "parameter.limit",
    ship,
    passId,
    subject: "volts",
    severity: "watch",
    at: systemClock.now(),
    detail: '{"limit":"watch_high","value":120}',
    resolution: null,
    ...more,
  });
  const { alarms } = node.runtime;
  return {
    ship,
    passId,
    raise: (more?: Partial<Told>) => alarms.change(null, { raise: [of(more)], clear: [] }),
    clear: (more?: Partial<Told>) => alarms.change(null, { raise: [], clear: [of(more)] }),
    rows: async (query = "") => done(await node.request("GET", `/api/alarm?ship=${ship}${query}`)).json.rows,
  };
}

const acknowledge = async (id: string, body: unknown, service: "operator" | "reader" | "admin" = "operator") =>
  api.request("PUT", `/api/alarm/${id}/acknowledge`, { token: await api.tokenOf(service), body });

describe("alarms over HTTP", () => {
  it("are found by ship, pass, kind, severity and state", async () => {
    const one = scene();
    await one.raise();
    await one.raise({ kind: "pass.stale", subject: "power", severity: "warning" });
    await one.raise({ kind: "pass.stale", subject: "", severity: "critical" });
    await one.clear({ kind: "pass.stale", subject: "power" });
    const subjects = async (query: string) =>
      (await one.rows(query)).map(({ kind, subject }: { kind: string; subject: string }) => `${kind} ${subject}`);
    assert.deepEqual(await subjects(""), ["pass.stale ", "pass.stale power", "parameter.limit volts"]);
    assert.deepEqual(await subjects("&kind=parameter.limit"), ["parameter.limit volts"]);
    assert.deepEqual(await subjects("&severity=critical"), ["pass.stale "]);
    assert.deepEqual(await subjects(`&pass=${one.passId}&kind=pass.stale&severity=warning`), ["pass.stale power"]);
    assert.deepEqual(await subjects(`&pass=${randomUUID()}`), []);

    const [silent, power] = await one.rows();
    done(await acknowledge(power.id, { comment: "seen" }));
    assert.deepEqual(await subjects("&state=active"), ["pass.stale ", "parameter.limit volts"]);
    done(await acknowledge(silent.id, { comment: "seen" }));
    assert.equal((await subjects("&state=active")).length, 2, "it is acknowledged, and not over");
    assert.deepEqual(await subjects("&state=unacknowledged"), ["parameter.limit volts"]);
    assert.equal((await subjects("&state=all")).length, 3);

    const first = done(await api.request("GET", `/api/alarm?ship=${one.ship}&limit=2`)).json;
    const rest = done(await api.request("GET", `/api/alarm?ship=${one.ship}&limit=2&cursor=${first.next_cursor}`)).json;
    assert.deepEqual([first.rows.length, rest.rows.length, rest.next_cursor], [2, 1, null]);
    for (const query of ["kind=x", "severity=grave", "state=open", "pass=x", "cursor=x", "limit=0"])
      refused(await api.request("GET", `/api/alarm?${query}`), 400, query.split("=")[0] ?? "");
    assert.deepEqual(done(await api.request("GET", "/api/alarm?ship=%00%27%3B--")).json.rows, []);
  });

  it("are read one by one", async () => {
    const one = scene();
    await one.raise();
    const [listed] = await one.rows();
    assert.deepEqual(done(await api.request("GET", `/api/alarm/${listed.id}`)).json, listed);
    assert.deepEqual([listed.active, listed.severity, listed.detail.value], [true, "watch", 120]);
    refused(await api.request("GET", `/api/alarm/${randomUUID()}`), 404);
    refused(await api.request("GET", "/api/alarm/x"), 400, "alarm_id");
  });

  it("are acknowledged once, with a comment, by whoever may operate", async () => {
    const one = scene();
    await one.raise();
    const [{ id }] = await one.rows();
    refused(await api.request("PUT", `/api/alarm/${id}/acknowledge`, { body: { comment: "x" } }), 401);
    refused(await acknowledge(id, { comment: "x" }, "reader"), 403);
    for (const comment of [undefined, null, "", "  ", 7, "x".repeat(501), "a\u0000b", "\ud800"])
      refused(await acknowledge(id, { comment }), 422, "comment");
    refused(await acknowledge(randomUUID(), { comment: "x" }), 404);

    const comment = " <b>heater</b> off; 'drop table' 🛰 ";
    const answers = await Promise.all(Array.from({ length: 5 }, () => acknowledge(id, { comment })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409, 409, 409]);
    const alarm = done(await api.request("GET", `/api/alarm/${id}`)).json;
    assert.deepEqual([alarm.acknowledged_by, alarm.comment, alarm.active], ["operator", comment.trim(), true]);
    const again = await acknowledge(id, { comment: "me, too" });
    assert.deepEqual(
      [again.status, again.json.code, again.json.acknowledged_by, again.json.acknowledged_at],
      [409, "alarm_acknowledged", "operator", alarm.acknowledged_at],
    );
    assert.match(again.json.detail, /as operator has done so at 2/);

    const audited = done(await api.request("GET", "/api/audit?limit=200", { token: await api.tokenOf("admin") })).json;
    const mine = audited.rows.filter(({ target }: { target: string }) => target.includes(id));
    assert.deepEqual(
      mine.map(({ action, service, status }: Record<string, unknown>) => [action, service, status]),
      [
        ["alarm.acknowledge", "operator", 200],
        ["alarm.acknowledge", "reader", 403],
      ],
    );
    await one.clear();
    assert.equal((await one.rows())[0].active, false);
  });

  it("are told live: each change, by pass", async () => {
    const one = scene();
    const events = await EventReader.open(`${api.url}/api/event?pass=${one.passId}`);
    try {
      const told = async () => {
        const { name, data } = await events.next();
        return [name, data.event, data.severity, data.ship, data.acknowledged_by];
      };
      await scene().raise(); // another pass's
      await one.raise();
      assert.deepEqual(await told(), ["alarm", "raised", "watch", one.ship, null]);
      await one.raise({ severity: "critical" });
      assert.deepEqual(await told(), ["alarm", "escalated", "critical", one.ship, null]);
      const [{ id }] = await one.rows();
      done(await acknowledge(id, { comment: "seen" }));
      assert.deepEqual(await told(), ["alarm", "acknowledged", "critical", one.ship, "operator"]);
      await one.raise(); // nothing new
      await one.clear();
      assert.deepEqual(await told(), ["alarm", "cleared", "critical", one.ship, "operator"]);
    } finally {
      await events.close();
    }
  });

  it("are on the pages of their ship and of their pass, as text", async () => {
    const { ship, passId, raise, rows } = scene();
    const token = await api.tokenOf("publisher");
    done(await api.request("PUT", `/api/ship/${ship}`, { token, body: { format: "raw" } }));
    const body = { id: passId, ship, aos: "2099-01-31T10:20:00Z", duration_s: 600 };
    done(await api.request("POST", "/api/pass", { token, body }));
    const page = async () => (await api.request("GET", `/ship/${ship}`)).text;
    assert.doesNotMatch(await page(), /Active alarms/);
    await raise({ severity: "critical" });
    const [{ id }] = await rows();
    done(await acknowledge(id, { comment: "<script>alert(1)</script>" }));
    const shown = await page();
    assert.match(shown, /Active alarms/);
    assert.match(shown, /<span class="state critical">critical<\/span><\/td><td [^>]*><strong>volts<\/strong>/);
    assert.match(shown, /operator, <time [^>]*>[^<]*<\/time><br><span class="known">&lt;script&gt;alert/);
    for (const path of [`/pass/${passId}`, `/component/pass/${passId}`])
      assert.match((await api.request("GET", path)).text, /<span class="state critical">critical<\/span>/);
  });
});

describe("a ship's gate", () => {
  it("is set with the ship, kept when it is registered anew, and taken away by null", async () => {
    const token = await api.tokenOf("publisher");
    const path = `/api/ship/ship-${randomUUID()}`;
    const put = async (body: object) => api.request("PUT", path, { token, body: { format: "raw", ...body } });
    const gates = [];
    for (const body of [{}, { completeness_min: 0.99 }, {}, { completeness_min: null }])
      gates.push(done(await put(body)).json.completeness_min);
    assert.deepEqual(gates, [null, 0.99, 0.99, null]);
    for (const completeness_min of [-0.1, 1.1, "1", []])
      refused(await put({ completeness_min }), 400, "completeness_min");
    assert.equal(done(await api.request("GET", path)).json.completeness_min, null);
  });
});

describe("an alarm's webhook", () => {
  it("is told, signed, what happens, one after the other; what is quicker than it is told as it ended", async () => {
    const secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];
    const service = await receiver();
    let fails = 0;
    service.answer = () => (fails-- > 0 ? { status: 500 } : { status: 204 });
    const webhook = { url: `${service.url}/alarm`, secrets, allowPrivate: true };
    const node = await openTestRuntime({ config: { alarms: { webhook } } });
    const { sql } = node.runtime.database;
    const sent = () => service.received.map(({ body }) => JSON.parse(body));
    try {
      const one = scene(node);
      await one.raise();
      await until("raised is sent", () => service.received.length === 1);
      fails = 1;
      await one.raise({ severity: "critical" });
      await until("escalated is tried", () => service.received.length === 2);
      await one.clear();
      await sql`update alarm set send_at = clock_timestamp() where ship = ${one.ship} and send_at is not null`;
      await until("all is sent", () => service.received.length === 4);
      assert.deepEqual(
        sent().map(({ type, data }) => [type, data.severity, data.cleared_at !== null]),
        [
          ["alarm.raised", "watch", false],
          ["alarm.escalated", "critical", false],
          ["alarm.escalated", "critical", true],
          ["alarm.cleared", "critical", true],
        ],
      );
      const [alarm] = await one.rows();
      assert.deepEqual(
        service.received.map(({ headers }) => headers["webhook-id"]),
        [alarm.id, `${alarm.id}.2`, `${alarm.id}.2`, `${alarm.id}.3`],
        "a repetition has the id of what it repeats",
      );
      for (const { headers, body } of service.received)
        assert.ok(isSignedWebhook(secrets, headers, body, Math.floor(Date.now() / 1000)));
      const { detail, ...data } = sent()[3].data;
      const { sent_at, detail: shownDetail, ...shown } = alarm;
      assert.deepEqual([data, detail], [shown, shownDetail]);
      await until("it is noted", async () => (await one.rows())[0].sent_at !== null);
    } finally {
      await node.stop();
      await service.close();
    }
  });
});

describe("an alarm of two nodes", () => {
  it("that shares a store is acknowledged at either", {
    skip: process.env.TEST_DATABASE_URL === undefined,
  }, async () => {
    const other = await open({ ...api.config, port: 0 });
    const events = await EventReader.open(`${other.url}/api/event?type=alarm`);
    try {
      const one = scene();
      const heard = events.next();
      let isHeard = false;
      void heard.then(() => {
        isHeard = true;
      });
      let raised = 0;
      await until("the other node listens", async () => {
        await one.raise({ subject: `p${raised++}` });
        return isHeard;
      });
      const { data } = await heard;
      assert.deepEqual([data.event, data.ship], ["raised", one.ship]);
      const answer = await fetch(`${other.url}/api/alarm/${data.id}/acknowledge`, {
        method: "PUT",
        headers: { Authorization: `Bearer ${await api.tokenOf("operator")}`, "Content-Type": "application/json" },
        body: '{"comment":"at the other node"}',
      });
      assert.equal(answer.status, 200);
      const seen = done(await api.request("GET", `/api/alarm/${data.id}`)).json;
      assert.deepEqual([seen.acknowledged_by, seen.comment], ["operator", "at the other node"]);
    } finally {
      await events.close();
      await other.stop();
    }
  });
});
