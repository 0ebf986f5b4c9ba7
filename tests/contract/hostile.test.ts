/** What must be refused fast and leave nothing: huge, deep, endless and poisoned bodies; odd paths. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { request as httpRequest } from "node:http";
import { after, before, describe, it } from "node:test";
import { done, refused, Scene } from "../support/http.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";

let api: TestRuntime;
let scene: Scene;
before(async () => {
  api = await openTestRuntime();
  scene = new Scene(api);
  done(await scene.publish("a"));
});
after(() => api.stop());

const mebibyte = 1024 * 1024;

/** Sends `chunks` without a length; resolves with the status, also when the server closes before all was sent. */
async function sendChunked(method: string, path: string, chunks: Iterable<Uint8Array>): Promise<number> {
  const token = await api.tokenOf("admin");
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      `${api.url}${path}`,
      {
        method,
        headers: {
          "Content-Type": "application/json",
          Authorization: `Bearer ${token}`,
          "Transfer-Encoding": "chunked",
        },
      },
      (answer) => {
        resolve(answer.statusCode ?? 0);
        answer.resume();
        outgoing.destroy();
      },
    );
    outgoing.on("error", reject);
    const source = chunks[Symbol.iterator]();
    const pump = (): void => {
      for (;;) {
        const { done: isOver, value } = source.next();
        if (isOver) {
          outgoing.end();
          return;
        }
        if (!outgoing.write(value)) {
          outgoing.once("drain", pump);
          return;
        }
      }
    };
    pump();
  });
}

function* spaces(mebibytes: number): Generator<Uint8Array> {
  for (let i = 0; i < mebibytes; i++) yield new Uint8Array(mebibyte).fill(0x20);
}

describe("a large body", () => {
  it("of 20 MiB is 413, with a length and chunked, on every route that takes one", async () => {
    const body = " ".repeat(20 * mebibyte);
    const id = scene.datasetId;
    const routes: [string, string][] = [
      ["POST", "/api/plan"],
      ["POST", "/api/authenticate"],
      ["PUT", `/api/data_product/${id}/update`],
      ["DELETE", `/api/data_product/${id}`],
    ];
    for (const [method, path] of routes) {
      refused(await scene.call(method, path, body), 413);
      assert.equal(await sendChunked(method, path, spaces(20)), 413, `${method} ${path}, chunked`);
    }
    done(await scene.get());
  });

  it("chunked of less is read whole", async () => {
    const body = new TextEncoder().encode(JSON.stringify(scene.body("a")));
    assert.equal(await sendChunked("POST", "/api/plan", [body.slice(0, 10), body.slice(10)]), 200);
  });

  it("of just under 16 MiB is taken", async () => {
    const body = JSON.stringify([scene.id("a")]);
    done(
      await scene.call(
        "PUT",
        `/api/data_product/${scene.datasetId}/clear`,
        body + " ".repeat(16 * mebibyte - body.length),
      ),
    );
    refused(
      await scene.call(
        "PUT",
        `/api/data_product/${scene.datasetId}/clear`,
        `${body}${" ".repeat(16 * mebibyte - body.length)} `,
      ),
      413,
    );
  });

  it("of more than a MiB is 413 for a login, which anyone may send", async () => {
    const login = JSON.stringify({ service: "admin", key: "admin-key" });
    done(await api.request("POST", "/api/authenticate", { body: login + " ".repeat(900 * 1024) }));
    refused(await api.request("POST", "/api/authenticate", { body: login + " ".repeat(1100 * 1024) }), 413);
  });

  it("without a token is 401 before it is read", async () => {
    refused(await api.request("POST", "/api/plan", { body: " ".repeat(20 * mebibyte) }), 401);
  });

  it("of a million wrong items costs one error", async () => {
    for (const item of ["1", '""', "{}"]) {
      const list = `[${`${item},`.repeat(1_000_000)}${item}]`;
      refused(await scene.call("PUT", `/api/data_product/${scene.datasetId}/update`, list), 400);
      refused(await scene.call("PUT", `/api/data_product/${scene.datasetId}/clear`, list), 400);
      const plan = `{"dataset":{"id":"${scene.datasetId}"},"data_products":${list},"dependencies":[]}`;
      refused(await scene.call("POST", "/api/plan", plan), 400, "data_products.0");
    }
  });
});

describe("a deep body", () => {
  const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

  it("of 100,000 levels is 400 wherever it stands, and nothing is stored", async () => {
    const before = (await scene.get()).text;
    for (const text of [deep(100_000), "[".repeat(100_000), `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`]) {
      refused(await scene.call("POST", "/api/plan", text), 400);
      refused(
        await scene.call(
          "POST",
          "/api/plan",
          `{"dataset":{"id":"${scene.datasetId}","extra":${text}},"data_products":[],"dependencies":[]}`,
        ),
        400,
      );
      refused(
        await scene.call(
          "PUT",
          `/api/data_product/${scene.datasetId}/update`,
          `[{"id":"${scene.id("a")}","state":"success","passback":${text}}]`,
        ),
        400,
      );
      refused(await api.request("POST", "/api/authenticate", { body: text }), 400);
    }
    assert.equal((await scene.get()).text, before);
  });

  it("of 100 levels is kept", async () => {
    const extra = deep(100);
    const body = `{"dataset":{"id":"${scene.datasetId}","extra":${extra}},"data_products":[],"dependencies":[]}`;
    assert.ok(done(await scene.call("POST", "/api/plan", body)).text.includes(`"extra":${extra}`));
  });
});

describe("a poisoned body", () => {
  it("cannot reach prototypes or make fields up", async () => {
    const id = randomUUID();
    const bodies = [
      `{"__proto__":{"dataset":{"id":"${id}"},"data_products":[],"dependencies":[]}}`,
      `{"dataset":{"__proto__":{"id":"${id}"}},"data_products":[],"dependencies":[]}`,
      `{"dataset":{"id":"${id}"},"data_products":{"__proto__":[]},"dependencies":[]}`,
      `{"dataset":{"id":"${id}"},"data_products":{"length":0},"dependencies":[]}`,
    ];
    for (const body of bodies) refused(await scene.call("POST", "/api/plan", body), 400);
    assert.equal((await api.request("GET", `/api/plan/${id}`)).status, 404);
    refused(
      await scene.call(
        "PUT",
        `/api/data_product/${scene.datasetId}/update`,
        `[{"__proto__":{"id":"${scene.id("a")}","state":"success"}}]`,
      ),
      400,
    );
  });

  it("with a long detail is cut short in the refusal", async () => {
    const answer = await scene.call("PUT", `/api/data_product/${scene.datasetId}/clear`, [`${"x".repeat(100_000)}`]);
    refused(answer, 400);
    assert.ok(answer.text.length < 2000);
  });
});

describe("an odd path", () => {
  it("is a page not found or a bad request, never a failure", async () => {
    const paths = [
      "/api/plan/%",
      "/api/plan/%00",
      "/api/plan/%E0%A4%A",
      "/api/plan/..%2f..%2fetc%2fpasswd",
      "/assets/..%2f..%2fpackage.json",
      "/assets/../package.json",
      "/assets/%2e%2e/package.json",
      "//api//plan",
      `/api/plan/${"a".repeat(5000)}`,
      "/api/plan/search?search_by=%E0%A4%A&page=0",
      "/plan/%00",
      "/%ff",
    ];
    for (const path of paths) {
      const { status } = await api.request("GET", path);
      assert.ok([200, 400, 404].includes(status), `${path} answers ${status}`);
    }
  });
});
