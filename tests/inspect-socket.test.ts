/** The inspector's socket: who may open it, what it tells, by @statelyai/inspect's own receiver too, and what a slow listener costs. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { createWebSocketReceiver, type StatelyInspectionEvent } from "@statelyai/inspect";
import { createInspectAccess } from "../src/http/inspect-access.ts";
import { inspectSocketRoutes } from "../src/http/inspect-socket.ts";
import type { Bindings, Socket, SocketListener } from "../src/http/sockets.ts";
import { roles } from "../src/model/service.ts";
import { done, refused, Scene } from "./support/http.ts";
import { cookieOf, type Heard, openInspectSocket, ticketAddress } from "./support/inspect.ts";
import { openTestRuntime, services, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

let api: TestRuntime;
before(async () => {
  const hash = services.find(({ service }) => service === "admin")?.hash ?? "";
  api = await openTestRuntime({ config: { services: [...services, { service: "root", hash, roles: [...roles] }] } });
});
after(() => api.stop());

const upgrade = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
};
const ask = (headers: Record<string, string>, query = "") => api.request("GET", `/inspect/ws${query}`, { headers });

describe("the inspector's socket", () => {
  it("is refused to strangers, to those without the role, and to a session that another page brings along", async () => {
    const cookie = await cookieOf(api, "operator");
    refused(await ask({ ...upgrade, Origin: api.url }), 401);
    const foreign = await ask({ ...upgrade, Cookie: cookie, Origin: "https://evil.test" });
    refused(foreign, 403);
    assert.equal(foreign.json.code, "foreign_origin");
    assert.equal((await ask({ ...upgrade, Cookie: cookie })).json.code, "foreign_origin", "without an Origin");
    const reader = { Cookie: await cookieOf(api, "publisher"), Origin: api.url };
    assert.equal((await ask({ ...upgrade, ...reader })).json.code, "role_missing");
    const token = await api.tokenOf("publisher");
    assert.equal((await ask({ ...upgrade, Authorization: `Bearer ${token}` })).json.code, "role_missing");
    refused(await ask({ ...upgrade, Cookie: cookie, Origin: api.url }, "?ticket=nonsense"), 403);
    refused(await ask({ Authorization: `Bearer ${await api.tokenOf("operator")}` }), 400, "a WebSocket is needed");
  });

  it("is opened once by a ticket, where reading is closed too", async () => {
    const closed = await openTestRuntime({ config: { readAccess: "closed" } });
    try {
      const address = await ticketAddress(closed);
      assert.ok(address.startsWith(`${closed.url.replace("http", "ws")}/inspect/ws?ticket=`), address);
      const socket = await openInspectSocket(address);
      await assert.rejects(openInspectSocket(address), "a second time");
      socket.close();
    } finally {
      await closed.stop();
    }
  });

  it("tells of every event of a committed turn and what it led to, and of nothing before its commit", async () => {
    const scene = new Scene(api);
    const { heard, close } = await openInspectSocket(`${await ticketAddress(api)}&root=${scene.datasetId}`);
    const others = new Scene(api);
    done(await others.publish("x"));
    done(await scene.publish("a>b"));
    const publishedAt = (await scene.get()).json.dataset.modified_date;
    done(
      await scene.update([
        {
          id: scene.id("a"),
          state: "success",
          passback: { token: "hunter2" },
          link: "https://example.org/?key=hunter3",
        },
      ]),
    );
    const a = `${scene.datasetId}/${scene.id("a")}`;
    const told = () => heard.filter(({ type, sessionId }) => type === "@xstate.snapshot" && sessionId === a);
    await until("told", () => told().some(({ snapshot }) => snapshot?.value === "success"));
    assert.deepEqual(
      told().map(({ event, snapshot, orrery }) => [orrery?.revision, event?.type, orrery?.before, snapshot?.value]),
      [
        [1, "xstate.init", null, "waiting"],
        [1, "triggered", "waiting", "queued"],
        [2, "reported", "queued", "success"],
      ],
    );
    const actor = heard.find(({ type, sessionId }) => type === "@xstate.actor" && sessionId === a);
    assert.deepEqual([actor?.name, actor?.parentId, actor?.rootId], ["a", scene.datasetId, scene.datasetId]);
    assert.equal(JSON.parse(actor?.definition ?? "").states.waiting.on.triggered.guard, "isEager");
    const text = JSON.stringify(heard);
    for (const secret of ["hunter2", "hunter3"]) assert.ok(!text.includes(secret), secret);
    assert.ok(!text.includes(others.datasetId), "nothing of another root");
    assert.ok(publishedAt !== "", "read after the commit");
    const refusedBy = await scene.set("waiting", "a");
    refused(refusedBy, 400);
    const before = heard.length;
    done(await scene.pause());
    await until("paused", () => heard.some(({ event }) => event?.type === "paused"));
    assert.ok(
      heard.slice(before).every(({ sessionId }) => sessionId === scene.datasetId),
      "a refused turn is not told",
    );
    close();
  });

  it("is read by @statelyai/inspect's own receiver", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a"));
    const address = await ticketAddress(api);
    const events: StatelyInspectionEvent[] = [];
    createWebSocketReceiver({ server: address }).subscribe((event) => events.push(event));
    // Until it is connected it hears of nothing; the plan stays in memory by its reads.
    await until("greeted", async () => {
      await scene.get();
      return events.length > 0 || (await scene.set("running", "a")).status === 200;
    });
    await until("told", async () => {
      done(await scene.set("success", "a"));
      return events.some(
        (event) => event.type === "@xstate.snapshot" && "value" in event.snapshot && event.snapshot.value === "success",
      );
    });
    for (const event of events) {
      for (const member of ["type", "sessionId", "createdAt", "id", "_version", "rootId"])
        assert.equal(typeof event[member as "type"], "string");
      assert.ok(Number(event.createdAt) > Date.now() - 60_000);
    }
    const actor = events.find((event) => event.type === "@xstate.actor");
    assert.equal(JSON.parse(actor?.definition ?? "{}").id !== undefined, true);
  });

  it("tells of a pass and its listener while it runs", async () => {
    const ship = `ship-${randomUUID()}`;
    const token = await api.tokenOf("admin");
    done(await api.request("PUT", `/api/ship/${ship}`, { token, body: { format: "raw" } }));
    const socket = await openInspectSocket(await ticketAddress(api));
    const body = {
      ship,
      port: "auto",
      aos: new Date(Date.now() + 200).toISOString(),
      duration_s: 5,
      drain_margin_s: 0.2,
    };
    const { id } = done(await api.request("POST", "/api/pass", { token, body })).json;
    const states = (session: string) =>
      socket.heard.flatMap(({ type, sessionId, snapshot }) =>
        type === "@xstate.snapshot" && sessionId === session ? [snapshot?.value] : [],
      );
    await until("completed", () => states(id).includes("completed"), 60_000);
    assert.deepEqual([...new Set(states(id))], ["planned", "prepass", "receiving", "draining", "completed"]);
    assert.deepEqual([...new Set(states(`${id}/listener`))], ["opening", "listening", "draining", "closed"]);
    const asked = socket.heard.find(({ event }) => event?.type === "listener.opened");
    assert.deepEqual([asked?.sessionId, asked?.sourceId], [id, `${id}/listener`]);
    socket.close();
  });

  it("ends when the key, or the session that a ticket was made out for, may no more", async () => {
    const token = done(await api.request("POST", "/api/authenticate", { body: { service: "root", key: "admin-key" } }))
      .json.access_token;
    const key = done(
      await api.request("POST", "/api/key", { token, body: { name: randomUUID(), roles: ["operate"] } }),
    ).json;
    let nowMs = Date.now();
    const { auth } = api.runtime;
    const access = createInspectAccess(auth, api.url, () => nowMs);
    const asking = (headers: Record<string, string>, query = "") =>
      new Request(`${api.url}/inspect/ws${query}`, { headers });
    const byKey = await access.admit(asking({ "x-api-key": key.key }));
    const session = await auth.sessions.open(key.key);
    const byTicket = await access.admit(asking({}, `?ticket=${access.ticketFor(session)}`));
    const late = access.ticketFor(session);
    await Promise.all([byKey(), byTicket()]);
    nowMs += 121_000;
    await assert.rejects(access.admit(asking({}, `?ticket=${late}`)), /older than two minutes/);
    done(await api.request("DELETE", `/api/key/${key.id}`, { token }));
    await assert.rejects(byKey(), /revoked/);
    await assert.rejects(byTicket(), /revoked/);
    nowMs += 13 * 3_600_000;
    await assert.rejects(byTicket(), /is over/);
  });
});

/** A socket that takes nothing once it is full. */
function slowSocket(): Socket & { readonly sent: Heard[]; waitingBytes: number } {
  const sent: Heard[] = [];
  return { sent, waitingBytes: 0, send: (text) => void sent.push(JSON.parse(text)), close() {} };
}

describe("a listener that does not read", () => {
  it("holds a bounded number of messages, is told how many were dropped, and then hears of actors anew", async () => {
    const closing = new AbortController();
    const parts = { ...api.runtime, closing: closing.signal };
    const routes = inspectSocketRoutes(parts, createInspectAccess(api.runtime.auth, api.url, Date.now));
    let listener: SocketListener | null = null;
    const bindings: Bindings = {
      upgrade(_, given) {
        listener = given;
        return new Response(null, { status: 204 });
      },
    };
    const scene = new Scene(api);
    const names = Array.from({ length: 100 }, (_, n) => `p${n}`);
    done(await scene.publish(names.join(" ")));
    const headers = { Authorization: `Bearer ${await api.tokenOf("operator")}` };
    const answer = await routes.request(`/inspect/ws?root=${scene.datasetId}&notices=1`, { headers }, bindings);
    assert.equal(answer.status, 204);
    const opened = listener as SocketListener | null;
    assert.ok(opened);
    const socket = slowSocket();
    opened.opened(socket);
    socket.waitingBytes = 2 ** 20;
    const seen = socket.sent.length;
    for (let n = 0; n < 12; n++) done(await scene.set(n % 2 === 0 ? "running" : "failed", ...names));
    assert.equal(socket.sent.length, seen, "nothing was pushed on it");
    socket.waitingBytes = 0;
    await until("flushed", () => socket.sent.some(({ type }) => (type as string) === "@orrery.missed"));
    const flushed = socket.sent.slice(seen);
    assert.ok(flushed.length <= 2_001, `${flushed.length} messages waited`);
    done(await scene.set("success", "p0"));
    await until("told", () => socket.sent.at(-1)?.snapshot?.value === "success");
    opened.closed();
    closing.abort();
    const before = socket.sent.length;
    done(await scene.set("failed", "p0"));
    assert.equal(socket.sent.length, before);
  });
});
