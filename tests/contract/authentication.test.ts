/** CONTRACT.md §6 and the statuses 401 and 403: login, tokens, and every wrong token on every route. */
import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { done, refused, Scene } from "../support/http.ts";
import { openTestRuntime, secretKey, type TestRuntime } from "../support/runtime.ts";

let api: TestRuntime;
let scene: Scene;
before(async () => {
  api = await openTestRuntime();
  scene = new Scene(api);
  done(await scene.publish("a"));
});
after(() => api.stop());

const logIn = (service: string, key: string) => api.request("POST", "/api/authenticate", { body: { service, key } });

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const sign = (text: string, hash = "sha256", key = secretKey) => createHmac(hash, key).update(text).digest("base64url");
const nowS = () => Math.floor(Date.now() / 1000);

interface Forged {
  readonly header?: unknown;
  readonly claims?: Record<string, unknown>;
  readonly hash?: string;
  readonly key?: string;
}

function token({ header = { typ: "JWT", alg: "HS256" }, claims = {}, hash, key }: Forged = {}): string {
  const all = { sub: "admin", iat: nowS(), exp: nowS() + 3600, iss: "Orrery", roles: ["publish"], ...claims };
  const signed = `${part(header)}.${part(all)}`;
  return `${signed}.${sign(signed, hash, key)}`;
}

const pause = (authorization: string | null, datasetId = scene.datasetId) =>
  api.request("PUT", `/api/plan/${datasetId}/pause`, {
    headers: authorization === null ? {} : { Authorization: authorization },
  });

/** A token passes when the request gets as far as the dataset, which does not exist. */
async function passes(authorization: string): Promise<void> {
  refused(await pause(authorization, randomUUID()), 404);
}

describe("login", () => {
  it("answers a token of an hour with its times, roles and issuer", async () => {
    const { json } = done(await logIn("admin", "admin-key"));
    assert.equal(json.token_type, "Bearer");
    assert.equal(json.service, "admin");
    assert.equal(json.issued_by, "Orrery");
    assert.equal(json.ttl, 3600);
    assert.equal(json.expires, json.issued + 3600);
    assert.ok(Number.isInteger(json.issued) && Math.abs(json.issued - nowS()) <= 2);
    assert.deepEqual([...json.roles].sort(), ["disable", "pause", "publish", "update"]);
    assert.deepEqual(done(await logIn("reader", "reader-key")).json.roles, []);
  });

  it("mints a JWT of HS256 under the raw bytes of SECRET_KEY with exactly five claims", async () => {
    const { json } = done(await logIn("updater", "updater-key"));
    const [header = "", payload = "", signature] = json.access_token.split(".");
    assert.deepEqual(JSON.parse(Buffer.from(header, "base64url").toString()), { typ: "JWT", alg: "HS256" });
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    assert.deepEqual(claims, { sub: "updater", iat: json.issued, exp: json.expires, iss: "Orrery", roles: ["update"] });
    assert.equal(signature, sign(`${header}.${payload}`));
  });

  it("refuses a wrong key with 401, again and again, and the right one still passes", async () => {
    for (const key of ["wrong", "", "Admin-key", "admin-key ", "admin-ke", "a".repeat(100)])
      refused(await logIn("admin", key), 401);
    done(await logIn("admin", "admin-key"));
    refused(await logIn("admin", "wrong"), 401);
    done(await logIn("admin", "admin-key"));
  });

  it("refuses an unknown service with 401, naming it; names are case-sensitive", async () => {
    for (const service of ["nobody", "Admin", "ADMIN", "admin ", "<b>ä</b>"])
      refused(await logIn(service, "admin-key"), 401, service);
  });

  it("is never cached", async () => {
    assert.equal(done(await logIn("admin", "admin-key")).headers.get("cache-control"), "no-store");
  });
});

describe("a token", () => {
  it("passes as Bearer in any letter case", async () => {
    const good = await api.tokenOf("admin");
    for (const scheme of ["Bearer", "bearer", "BEARER", "bEaReR"]) await passes(`${scheme} ${good}`);
  });

  it("that another program made under the key passes as well, whatever its iss and its roles say", async () => {
    await passes(`Bearer ${token()}`);
    await passes(`Bearer ${token({ claims: { iss: "Fletcher" } })}`);
    await passes(`Bearer ${token({ claims: { roles: [] } })}`);
    await passes(`Bearer ${token({ header: { alg: "HS256" } })}`);
    await passes(`Bearer ${token({ claims: { more: 1 } })}`);
  });

  it("grants the roles that are configured now, not those that it claims", async () => {
    const claims = { sub: "reader", roles: ["disable", "pause", "publish", "update"] };
    refused(await pause(`Bearer ${token({ claims })}`), 403, "reader", "pause");
  });

  it("passes for 60 seconds after it expires, and no longer", async () => {
    await passes(`Bearer ${token({ claims: { exp: nowS() - 45 } })}`);
    refused(await pause(`Bearer ${token({ claims: { exp: nowS() - 65 } })}`), 403);
    refused(await pause(`Bearer ${token({ claims: { exp: 0 } })}`), 403);
  });

  it("of a service that is not configured is 401, naming it", async () => {
    refused(await pause(`Bearer ${token({ claims: { sub: "gone" } })}`), 401, "gone");
    refused(await pause(`Bearer ${token({ claims: { sub: "Admin" } })}`), 401, "Admin");
  });
});

describe("every writing route", () => {
  const routes = (): [string, string, unknown][] => {
    const id = scene.datasetId;
    return [
      ["POST", "/api/plan", scene.body("a")],
      ["PUT", `/api/plan/${id}/pause`, undefined],
      ["PUT", `/api/plan/${id}/unpause`, undefined],
      ["PUT", `/api/data_product/${id}/update`, []],
      ["PUT", `/api/data_product/${id}/clear`, []],
      ["DELETE", `/api/data_product/${id}`, []],
      ["PUT", `/api/data_product/${id}/enable`, []],
    ];
  };

  it("answers 401 without a token, to another scheme and to an empty token", async () => {
    const good = await api.tokenOf("admin");
    const none = [
      null,
      "",
      "Basic YWRtaW46a2V5",
      `Token ${good}`,
      good,
      "Bearer",
      "Bearer ",
      "Bearer    ",
      `Bearer${good}`,
      "bearer",
    ];
    for (const [method, path, body] of routes()) {
      for (const authorization of none) {
        const answer = await api.request(method, path, {
          body,
          headers: authorization === null ? {} : { Authorization: authorization },
        });
        refused(answer, 401);
        assert.ok(answer.headers.get("www-authenticate")?.startsWith("Bearer"));
      }
    }
  });

  it("answers 403 to every token that is malformed, forged, expired or lacks a claim", async () => {
    const good = await api.tokenOf("admin");
    const [header = "", payload = "", signature = ""] = good.split(".");
    const flipped = `${signature.slice(0, -1)}${signature.endsWith("A") ? "B" : "A"}`;
    const without = (claim: string) => token({ claims: { [claim]: undefined } });
    const none = `${part({ typ: "JWT", alg: "none" })}.${payload}`;
    const bad: Record<string, string> = {
      nonsense: "nonsense",
      "two parts": `${header}.${payload}`,
      "four parts": `${good}.x`,
      "an empty part": `${header}..${signature}`,
      padding: `${header}.${payload}.${signature}=`,
      "not base64": `${header}.${payload}.!!!`,
      "no JSON": `${part("x")}.${payload}.${sign(`${part("x")}.${payload}`)}`,
      "a flipped signature": `${header}.${payload}.${flipped}`,
      "no signature": `${header}.${payload}.`,
      "other claims under the signature": `${header}.${part({ sub: "admin" })}.${signature}`,
      "alg none": `${none}.`,
      "alg none, signed": `${none}.${sign(none)}`,
      "alg None": `${part({ alg: "None" })}.${payload}.`,
      "another key": token({ key: "another key" }),
      "an empty key": token({ key: "" }),
      HS384: token({ header: { alg: "HS384" }, hash: "sha384" }),
      HS512: token({ header: { alg: "HS512" }, hash: "sha512" }),
      "HS512 said, HS256 done": token({ header: { alg: "HS512" } }),
      RS256: token({ header: { alg: "RS256" } }),
      "alg in lower case": token({ header: { alg: "hs256" } }),
      "no alg": token({ header: { typ: "JWT" } }),
      "critical extensions": token({ header: { alg: "HS256", crit: ["b64"], b64: false } }),
      expired: token({ claims: { exp: nowS() - 3600 } }),
      "exp as text": token({ claims: { exp: `${nowS() + 60}` } }),
      "iat as text": token({ claims: { iat: "now" } }),
      "sub as number": token({ claims: { sub: 1 } }),
      "roles as text": token({ claims: { roles: "publish" } }),
      "an unknown role": token({ claims: { roles: ["publish", "god"] } }),
      "claims that are an array": `${header}.${part([])}.${sign(`${header}.${part([])}`)}`,
      "very long": token({ claims: { more: "x".repeat(9000) } }),
    };
    for (const claim of ["sub", "iat", "exp", "iss", "roles"]) bad[`without ${claim}`] = without(claim);
    for (const [method, path, body] of routes()) {
      for (const [what, wrong] of Object.entries(bad)) {
        const answer = await api.request(method, path, { token: wrong, body });
        assert.equal(answer.status, 403, `${method} ${path} with ${what}: ${answer.status} ${answer.text}`);
      }
    }
  });
});

describe("many logins at once", () => {
  it("leave /health fast, and all are answered", async () => {
    const slow = await openTestRuntime({ config: { services: [{ service: "slow", hash: slowHash, roles: [] }] } });
    try {
      const logins = Array.from({ length: 200 }, (_, i) =>
        slow.request("POST", "/api/authenticate", { body: { service: i % 2 ? "slow" : "nobody", key: `wrong ${i}` } }),
      );
      const healthMs: number[] = [];
      let isOver = false;
      const all = Promise.all(logins).finally(() => {
        isOver = true;
      });
      while (!isOver && healthMs.length < 200) {
        const startMs = performance.now();
        assert.equal((await slow.request("GET", "/health")).status, 200);
        healthMs.push(performance.now() - startMs);
      }
      for (const answer of await all) assert.equal(answer.status, 401);
      healthMs.sort((a, b) => a - b);
      // Far above what it takes, far below one hash of all that are waiting.
      assert.ok(
        (healthMs[Math.floor(healthMs.length / 2)] ?? 0) < 250,
        `median ${healthMs[Math.floor(healthMs.length / 2)]} ms`,
      );
    } finally {
      await slow.stop();
    }
  });
});

/** Cost 8: some 15 ms. */
const slowHash = "$2b$08$SLqAlAv3.Ih.LV.Z7HaLGOYMLPeUKwZu9Y6WW2uLCC7AW0pVzsKa.";
