/** The inspector over HTTP: who may look, what lives and what rests, charts, logs and the past of each kind of actor. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { cellsOf, page, textOf } from "./support/html.ts";
import { done, Scene } from "./support/http.ts";
import { cookieOf } from "./support/inspect.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const nasty = `<img src=x onerror=alert(1)>"'&`;
let api: TestRuntime;
let cookie = "";
before(async () => {
  const shell = { kind: "shell" as const, command: ["/bin/sh", "-c", "exit 0"] };
  const failing = { ...shell, command: ["/bin/sh", "-c", "exit 3"], attempts: 1 };
  api = await openTestRuntime({
    config: {
      computes: {
        shell,
        broken: failing,
        remote: { kind: "worker" },
      },
    },
  });
  cookie = await cookieOf(api, "operator");
});
after(() => api.stop());

const get = (path: string) => api.request("GET", path, { headers: { Cookie: cookie } });
const shown = async (path: string) => page(await get(path));
/** The state that the chart has lit. */
const litState = (html: string) => /<g class="card-of [a-z]+ lit" data-state="([^"]+)"/.exec(html)?.[1];
const hrefOf = (html: string, rel: string) => new RegExp(`rel="${rel}" href="([^"]+)"`).exec(html)?.[1];

/** A product of one of our own computes, once its job has ended. */
async function computed(compute: string, state: string): Promise<{ scene: Scene; jobId: string }> {
  const scene = new Scene(api);
  const body = scene.body("a>b~");
  done(
    await scene.publish({
      ...body,
      data_products: body.data_products.map((p) => (p.name === "a" ? { ...p, compute } : p)),
    }),
  );
  await until(state, async () => (await scene.product("a")).json.state === state);
  return { scene, jobId: (await scene.product("a")).json.run_id };
}

describe("the inspector's pages", () => {
  it("lead to the signing in, and are for those who operate or administer", async () => {
    const id = randomUUID();
    for (const path of ["/inspect", "/component/inspect", `/inspect/dataset/${id}`, "/inspect/machine/job"]) {
      const stranger = await api.request("GET", path);
      assert.deepEqual(
        [stranger.status, stranger.headers.get("location")],
        [303, `/sign-in?${new URLSearchParams({ next: path })}`],
      );
      const reader = await api.request("GET", path, { headers: { Cookie: await cookieOf(api, "publisher") } });
      assert.equal(reader.status, 403);
      assert.match(textOf(reader.text), /publisher may not inspect actors/);
    }
    const home = await api.request("GET", "/", { headers: { Cookie: await cookieOf(api, "publisher") } });
    assert.ok(!home.text.includes(`href="/inspect"`));
    assert.ok((await get("/")).text.includes(`href="/inspect"`));
    const ticket = await api.request("POST", "/inspect/ticket", {
      headers: { Cookie: cookie, Origin: "https://evil.test" },
    });
    assert.equal(ticket.json.code, "foreign_origin");
  });

  it("list what is in memory, by name, machine and state, and say what to do when nothing is", async () => {
    const scene = new Scene(api);
    done(await scene.publish("alpha>beta"));
    /** Its actors leave memory half a second after the last use, which a busy machine may need for less than this. */
    const find = async (query: Record<string, string>, isIt: (rows: string[][]) => boolean) => {
      await until(JSON.stringify(query), async () => {
        await scene.get();
        return isIt(cellsOf(await shown(`/inspect?${new URLSearchParams(query)}`)));
      });
    };
    const row = JSON.stringify([`alpha ${scene.id("alpha")}`, "product", "queued"]);
    await find({ q: "alpha" }, (rows) => rows.length === 1 && JSON.stringify(rows[0]?.slice(0, 3)) === row);
    await find({ q: scene.datasetId.slice(0, 8) }, (rows) => rows.length === 1 && rows[0]?.[1] === "dataset");
    await find({ machine: "product", state: "waiting" }, (rows) => {
      return rows.every(([, , state]) => state === "waiting") && rows.some(([name]) => name?.startsWith("beta"));
    });
    assert.match(await shown("/inspect?q=nothing-like-it"), /No actor in memory fits/);
    for (const query of ["?page=-1", "?page=x", "?machine=%00&state=none"])
      assert.equal((await get(`/inspect${query}`)).status, 200);
  });

  it("say what is due: a job that waits, a deadline", async () => {
    const scene = new Scene(api);
    const [product] = scene.body("a").data_products;
    done(
      await scene.publish({
        ...scene.body("a"),
        data_products: [{ ...product, compute: "remote", deadline_s: 3600 } as never],
      }),
    );
    const html = textOf(await shown(`/inspect/product/${scene.datasetId}/${scene.id("a")}`));
    assert.match(html, /due to run\s*job of a/);
    assert.match(html, /must be success\s*a/);
    await until("listed", async () => {
      await scene.get();
      return /due to run\s*job of a/.test(textOf(await shown("/inspect?machine=product")));
    });
  });

  it("open what rests by its whole id", async () => {
    const { scene, jobId } = await computed("shell", "success");
    for (const [id, home] of [
      [scene.datasetId, `/inspect/dataset/${scene.datasetId}`],
      [jobId, `/inspect/job/${jobId}`],
    ]) {
      const answer = await get(`/inspect?q=${id}`);
      assert.deepEqual([answer.status, answer.headers.get("location")], [303, home]);
    }
    assert.equal((await get(`/inspect?q=${randomUUID()}`)).status, 200);
  });

  it("draw each machine with its guards and actions, and tell what is no machine", async () => {
    for (const machine of ["dataset", "product", "pass", "listener", "source", "job"]) {
      const html = await shown(`/inspect/machine/${machine}`);
      assert.match(html, new RegExp(`aria-label="State chart of a ${machine}"`));
      assert.equal(litState(html), undefined);
    }
    assert.match(await shown("/inspect/machine/product"), /\[isOwnJob\]/);
    assert.equal((await get("/inspect/machine/nothing")).status, 404);
  });

  it("show names and causes that are markup as text, and payloads as their size", async () => {
    const scene = new Scene(api);
    const body = scene.body("a", { secret: nasty });
    const [product] = body.data_products;
    assert.ok(product);
    done(
      await scene.publish({
        ...body,
        data_products: [{ ...product, name: nasty, passthrough: { password: "hunter2" } }],
      }),
    );
    done(
      await scene.update([
        { id: product.id, state: "success", link: "https://user:key@example.org/x?signature=abc", passback: "hunter3" },
      ]),
    );
    for (const path of [
      `/inspect/product/${scene.datasetId}/${product.id}`,
      `/inspect/dataset/${scene.datasetId}`,
      "/inspect",
    ]) {
      const html = await shown(path);
      assert.ok(!html.includes("<img"), path);
      for (const secret of ["hunter2", "hunter3", "signature=abc", "user:key"])
        assert.ok(!html.includes(secret), `${path} ${secret}`);
    }
    const html = await shown(`/inspect/product/${scene.datasetId}/${product.id}`);
    assert.ok(html.includes("&lt;img src=x onerror=alert(1)&gt;"));
    assert.match(textOf(html), /"passthrough": "\(\d+ characters\)"/);
    assert.match(textOf(html), /"link": "https:\/\/example\.org\/x\?…"/);
  });
});

describe("the past of an actor", () => {
  it("of a product is replayed from the event rows, revision by revision, and agrees with them", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b"));
    done(await scene.set("running", "a"));
    done(await scene.set("success", "a"));
    done(await scene.clear("a"));
    done(await scene.disable("a"));
    done(await scene.enable("a"));
    done(await scene.set("failed", "a"));
    const path = `/inspect/product/${scene.datasetId}/${scene.id("a")}`;
    let html = await shown(path);
    assert.equal(litState(html), "failed");
    const events = cellsOf(html).map(([revision, , event]) => `${revision} ${event}`);
    assert.deepEqual(events, [
      "7 reported",
      "6 triggered",
      "6 enabled",
      "5 disabled",
      "4 triggered",
      "4 cleared",
      "3 reported",
      "2 reported",
      "1 triggered",
      "1 created",
    ]);
    assert.ok(!html.includes("differs from the store"));
    const lit: (string | undefined)[] = [];
    for (let href: string | undefined = path; href !== undefined; href = hrefOf(html, "prev")) {
      html = await shown(href);
      lit.push(litState(html));
    }
    assert.deepEqual(lit, ["failed", "queued", "disabled", "queued", "success", "running", "queued"]);
    assert.equal(hrefOf(html, "next"), `${path}?revision=2`);
    assert.match(textOf(html), /Revision 1 of 7/);
    assert.equal((await get(`${path}?revision=8`)).status, 404);
    assert.equal((await get(`${path}?revision=0`)).status, 404);
    assert.equal((await get(`/inspect/product/${scene.datasetId}/${randomUUID()}`)).status, 404);
    assert.equal((await get(`/inspect/product/${scene.datasetId}/nonsense`)).status, 404);
  });

  it("of a product with a job has its attempts, and the job's own page its leases", async () => {
    for (const [compute, state, job] of [
      ["shell", "success", "succeeded"],
      ["broken", "failed", "dead"],
    ] as const) {
      const { scene, jobId } = await computed(compute, state);
      const product = await shown(`/inspect/product/${scene.datasetId}/${scene.id("a")}`);
      const last = state === "success" ? "attempt.succeeded" : "attempts.exhausted";
      assert.deepEqual(
        cellsOf(product).map(([, , event]) => event),
        [last, "attempt.started", "triggered", "created"],
      );
      assert.match(product, /job\.enqueue/);
      const html = await shown(`/inspect/job/${jobId}`);
      assert.equal(litState(html), job);
      assert.ok(!html.includes("differs from the store"), html);
      const first = await shown(`/inspect/job/${jobId}?step=0`);
      assert.equal(litState(first), "scheduled");
      assert.equal(hrefOf(first, "next"), `/inspect/job/${jobId}?step=1`);
      assert.equal((await get(`/inspect/job/${jobId}?step=99`)).status, 404);
    }
  });

  it("of a dataset has every turn, with the messages that it sent", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b"));
    done(await scene.pause());
    done(await scene.set("success", "a"));
    done(await scene.unpause());
    const path = `/inspect/dataset/${scene.datasetId}`;
    const html = await shown(path);
    assert.deepEqual(
      cellsOf(html).map(([revision, , event, state]) => [revision, event, state]),
      [
        ["4", "unpaused", "paused → active"],
        ["3", "turn", "paused"],
        ["2", "paused", "active → paused"],
        ["1", "published", "active"],
      ],
    );
    assert.match(html, /<li>dataset to b: triggered, then queued<\/li>/);
    const then = await shown(`${path}?revision=3`);
    assert.equal(litState(then), "paused");
    assert.match(then, /<li>admin to dataset: products.update<\/li><li>dataset to a: reported, then success<\/li>/);
    assert.deepEqual([hrefOf(then, "prev"), hrefOf(then, "next")], [`${path}?revision=2`, path]);
    assert.equal((await get(`${path}?revision=5`)).status, 404);
    assert.equal((await get(`/inspect/dataset/${randomUUID()}`)).status, 404);
  });

  it("of a pass and its listener is played through both machines from its row", async () => {
    const ship = `ship-${randomUUID()}`;
    const token = await api.tokenOf("admin");
    done(await api.request("PUT", `/api/ship/${ship}`, { token, body: { format: "raw" } }));
    const body = {
      ship,
      port: "auto",
      aos: new Date(Date.now() + 300).toISOString(),
      duration_s: 6,
      drain_margin_s: 0.2,
    };
    const pass = done(await api.request("POST", "/api/pass", { token, body })).json;
    const stateOf = async () => (await api.request("GET", `/api/pass/${pass.id}`)).json.state;
    await until("receiving", async () => (await stateOf()) === "receiving");
    const live = await shown(`/inspect/pass/${pass.id}`);
    assert.equal(litState(live), "receiving");
    assert.match(textOf(live), /in memory on this node/);
    assert.match(textOf(live), /LOS/);
    assert.equal(litState(await shown(`/inspect/listener/${pass.id}`)), "listening");
    const listed = cellsOf(await shown("/inspect?machine=listener"));
    assert.deepEqual(
      listed.map(([, machine, state]) => [machine, state]),
      [["listener", "listening"]],
    );
    await until("completed", async () => (await stateOf()) === "completed", 60_000);
    const html = await shown(`/inspect/pass/${pass.id}`);
    assert.equal(litState(html), "completed");
    assert.ok(!html.includes("differs from the store"));
    assert.match(html, /<li>listener to pass: listener.closed<\/li>/);
    const states = cellsOf(await shown(`/inspect/listener/${pass.id}`)).map(([, , event]) => event);
    assert.deepEqual(states, ["socket.closed", "socket.drained", "drain", "socket.opened", "created"]);
    assert.equal(litState(await shown(`/inspect/pass/${pass.id}?step=0`)), "planned");

    const late = done(
      await api.request("POST", "/api/pass", {
        token,
        body: { ...body, aos: new Date(Date.now() + 3_600_000).toISOString() },
      }),
    ).json;
    assert.equal(litState(await shown(`/inspect/pass/${late.id}`)), "planned");
    assert.match(textOf(await shown(`/inspect/pass/${late.id}`)), /its port is opened/);
    done(await api.request("PUT", `/api/pass/${late.id}/cancel`, { token }));
    const cancelled = await shown(`/inspect/pass/${late.id}`);
    assert.equal(litState(cancelled), "cancelled");
    assert.ok(!cancelled.includes("differs from the store"));
  });
});
