/** Sessions at the pages: how one begins and ends, what it may do, where a write may come from, and pages that are closed to strangers. */
import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { createAuth } from "../src/http/auth.ts";
import { createSessions } from "../src/http/sessions.ts";
import { roles } from "../src/model/service.ts";
import { done, refused, Scene } from "./support/http.ts";
import { type Answer, openTestRuntime, secretKey, services, type TestRuntime } from "./support/runtime.ts";

const rootHash = services.find(({ service }) => service === "admin")?.hash ?? "";
const root = { service: "root", hash: rootHash, roles: [...roles] };

let api: TestRuntime;
let rootToken = "";
before(async () => {
  api = await openTestRuntime({ config: { services: [...services, root] } });
  const login = await api.request("POST", "/api/authenticate", { body: { service: "root", key: "admin-key" } });
  rootToken = done(login).json.access_token;
});
after(() => api.stop());

const form = { "Content-Type": "application/x-www-form-urlencoded" };
const signIn = (fields: Record<string, string>, origin = api.url, node = api): Promise<Answer> =>
  node.request("POST", "/session", {
    headers: { ...form, ...(origin !== "" && { Origin: origin }) },
    body: new URLSearchParams(fields).toString(),
  });
/** What a browser would send back. */
const cookieOf = ({ headers }: Answer): string => (headers.get("set-cookie") ?? "").split(";")[0] ?? "";
const makeKey = async (names: readonly string[]) =>
  done(await api.request("POST", "/api/key", { token: rootToken, body: { name: randomUUID(), roles: names } })).json;
const pause = (headers: Record<string, string>, id: string = randomUUID()) =>
  api.request("PUT", `/api/plan/${id}/pause`, { headers });

describe("signing in", () => {
  it("by an API key makes a session that may do what the key may, until the key is revoked", async () => {
    const key = await makeKey(["pause"]);
    const answer = await signIn({ key: key.key, next: "/pass?state=planned" });
    assert.deepEqual(
      [answer.status, answer.headers.get("location")],
      [303, "/sign-in?kept=1&next=%2Fpass%3Fstate%3Dplanned"],
    );
    assert.match(
      answer.headers.get("set-cookie") ?? "",
      /^__Host-orrery=[\w-]+\.[\w-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=43200$/,
    );
    const cookie = cookieOf(answer);
    assert.ok(!cookie.includes(key.key.slice(-20)), "the secret is not in it");
    const kept = await api.request("GET", "/sign-in?kept=1&next=%2Fpass", { headers: { Cookie: cookie } });
    assert.deepEqual([kept.status, kept.headers.get("location")], [303, "/pass"]);
    const page = await api.request("GET", "/", { headers: { Cookie: `theme=dark; ${cookie}; x=y` } });
    assert.match(page.text, new RegExp(`title="Roles: pause">${key.name}<`));

    const scene = new Scene(api);
    done(await scene.publish("a"));
    const own = { Cookie: cookie, Origin: api.url };
    done(await pause(own, scene.datasetId));
    assert.equal((await scene.get()).json.dataset.modified_by, key.name);
    const body = { name: randomUUID(), roles: ["admin"] };
    const more = await api.request("POST", "/api/key", { headers: own, body });
    assert.deepEqual([more.status, more.json.code], [403, "role_missing"]);
    done(await api.request("DELETE", `/api/key/${key.id}`, { token: rootToken }));
    refused(await pause(own, scene.datasetId), 403);
    assert.match((await api.request("GET", "/", { headers: { Cookie: cookie } })).text, />\s*Sign in\s*</);
  });

  it("by a token lasts as long as the token, by a service's key twelve hours", async () => {
    const byToken = await signIn({ key: rootToken });
    const seconds = Number(/Max-Age=(\d+)/.exec(byToken.headers.get("set-cookie") ?? "")?.[1]);
    assert.ok(seconds > 3_500 && seconds <= 3_600, `${seconds} s`);
    const asService = await signIn({ service: "pauser", key: "pauser-key" });
    refused(await pause({ Cookie: cookieOf(asService), Origin: api.url }), 404);
  });

  it("is refused with the reason, and the service's name still in its field", async () => {
    for (const [fields, reason] of [
      [{ key: "orr_nonsense" }, /malformed/],
      [{ key: `orr_${"0".repeat(32)}_${"A".repeat(43)}` }, /unknown/],
      [{ key: "" }, /malformed/],
      [{ service: "pauser", key: "wrong" }, /the key is wrong/],
      [{ service: `<script>"x"`, key: "k" }, /Cannot accept service &quot;&lt;script&gt;&quot;x&quot;&quot;/],
    ] as const) {
      const answer = await signIn(fields);
      assert.equal(answer.status, 403);
      assert.equal(answer.headers.get("set-cookie"), null);
      assert.match(answer.text, reason);
      if ("service" in fields) assert.match(answer.text, /value="(pauser|&lt;script&gt;&quot;x&quot;)"/);
    }
  });

  it("says so when the browser did not keep the cookie", async () => {
    const { status, text } = await api.request("GET", "/sign-in?kept=1&next=%2F");
    assert.equal(status, 200);
    assert.match(text, /did not keep the session/);
  });

  it("leads back to a path of this server only", async () => {
    const cookie = cookieOf(await signIn({ key: rootToken }));
    for (const next of [
      "//evil.test/",
      "/\\evil.test/",
      "https://evil.test/",
      "/\t/evil.test",
      "/.//evil.test",
      "javascript:alert(1)",
    ]) {
      const path = `/sign-in?${new URLSearchParams({ kept: "1", next })}`;
      const { headers } = await api.request("GET", path, { headers: { Cookie: cookie } });
      assert.equal(headers.get("location"), "/", next);
    }
  });

  it("ends by signing out", async () => {
    const { status, headers } = await api.request("POST", "/session/end", { headers: { Origin: api.url } });
    assert.deepEqual([status, headers.get("location")], [303, "/"]);
    assert.match(headers.get("set-cookie") ?? "", /^__Host-orrery=; .*Max-Age=0$/);
  });
});

describe("a write by a session", () => {
  it("must come from a page of ours; by a token or a key it may come from anywhere", async () => {
    const cookie = cookieOf(await signIn({ key: rootToken }));
    for (const origin of ["https://evil.test", "null", "http://127.0.0.1:1", `${api.url}.evil.test`]) {
      const answer = await pause({ Cookie: cookie, Origin: origin });
      refused(answer, 403);
      assert.equal(answer.json.code, "foreign_origin");
    }
    assert.equal((await pause({ Cookie: cookie })).json.code, "foreign_origin", "without an Origin");
    refused(await pause({ Cookie: cookie, Origin: api.url }), 404);
    refused(await pause({ Authorization: `Bearer ${rootToken}`, Origin: "https://evil.test" }), 404);
    assert.equal(
      (await signIn({ key: rootToken }, "https://evil.test")).json.code,
      "foreign_origin",
      "signing somebody in",
    );
    assert.equal((await signIn({ key: rootToken }, "")).json.code, "foreign_origin");
  });

  it("is refused when the cookie was made, changed or kept too long by somebody", async () => {
    const cookie = cookieOf(await signIn({ key: rootToken }));
    const [name = "", value = ""] = cookie.split("=");
    const [text = "", signature = ""] = value.split(".");
    const other = Buffer.from(JSON.stringify({ by: { service: "root" }, expires: 2 ** 40 })).toString("base64url");
    const byToken = createHmac("sha256", secretKey).update(other).digest("base64url");
    for (const forged of [
      `${other}.${signature}`,
      `${other}.${byToken}`,
      `${text}.`,
      text,
      `${text}.${signature}x`,
      ".",
    ]) {
      refused(await pause({ Cookie: `${name}=${forged}`, Origin: api.url }), 401);
    }
    let nowMs = Date.now();
    const parts = {
      secretKey: Buffer.from(secretKey),
      auth: createAuth({ services: [root], secretKey: Buffer.from(secretKey) }),
    };
    const sessions = createSessions({ ...parts, keys: api.runtime.keys, nowMs: () => nowMs });
    const headers = new Headers({
      Cookie: sessions.cookieOf(await sessions.openAs("root", "admin-key")).split(";")[0] ?? "",
    });
    assert.notEqual(sessions.read(headers), null);
    nowMs += 12 * 3_600_000;
    assert.equal(sessions.read(headers), null);
    parts.auth.stop();
  });
});

describe("pages and reads that are closed", () => {
  it("lead to the signing in, or answer 401, and are open to whoever is known", async () => {
    const closed = await openTestRuntime({ config: { readAccess: "closed" } });
    try {
      const html = { Accept: "text/html" };
      const home = await closed.request("GET", "/pass?ship=a", { headers: html });
      assert.deepEqual([home.status, home.headers.get("location")], [303, "/sign-in?next=%2Fpass%3Fship%3Da"]);
      for (const path of [
        "/api/pass",
        "/api/event",
        "/spec",
        "/component/plan_search",
        "/metrics",
        "/openmct/dictionary",
      ])
        refused(await closed.request("GET", path), 401);
      for (const path of ["/health", "/ready", "/sign-in"])
        assert.equal((await closed.request("GET", path, { headers: html })).status, 200, path);
      const signedIn = await signIn({ service: "reader", key: "reader-key" }, closed.url, closed);
      const headers = { ...html, Cookie: cookieOf(signedIn) };
      assert.equal((await closed.request("GET", "/pass", { headers })).status, 200);
      assert.equal((await closed.request("GET", "/api/pass", { headers })).status, 200);
      assert.equal((await closed.request("GET", "/api/pass", { token: await closed.tokenOf("reader") })).status, 200);
      refused(await closed.request("POST", "/api/callback/nonsense", { body: {} }), 404);
    } finally {
      await closed.stop();
    }
  });
});
