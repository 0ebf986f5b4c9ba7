/** A node's life: it answers before it is ready, stops in time whatever is open, and says what is wrong when it cannot start. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { createDoor } from "../src/door.ts";
import { createLog } from "../src/observe/log.ts";
import { createMetrics } from "../src/observe/metrics.ts";
import { open } from "../src/runtime.ts";
import { Teardown } from "../src/teardown.ts";
import { makeDatabasePlace } from "./support/database.ts";
import { startOrrery } from "./support/process.ts";
import { openTestRuntime, testConfig } from "./support/runtime.ts";

const base = mkdtempSync(join(tmpdir(), "orrery-runtime-"));
after(() => rmSync(base, { recursive: true, force: true }));
const folder = (): string => mkdtempSync(join(base, "case-"));
const request = (path: string): Request => new Request(`http://localhost${path}`);

describe("the door", () => {
  it("answers /health before there is an application, and 503 with Retry-After to everything else", async () => {
    const door = createDoor(createMetrics());
    assert.equal((await door.fetch(request("/health"))).status, 200);
    assert.equal((await door.fetch(request("/ready"))).status, 503);
    const early = await door.fetch(request("/api/plan/search?search_by=&page=0"));
    assert.equal(early.status, 503);
    assert.equal(early.headers.get("retry-after"), "1");
    assert.match(early.headers.get("content-type") ?? "", /^application\/problem\+json/);
    door.openTo(() => new Response("plans"));
    assert.equal(door.isReady(), true);
    assert.equal(await (await door.fetch(request("/"))).text(), "plans");
  });

  it("is drained when the last request has its answer", async () => {
    const door = createDoor(createMetrics());
    let answer = (_: Response): void => {};
    door.openTo(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const asked = door.fetch(request("/slow"));
    door.startClosing();
    assert.equal(door.isReady(), false);
    let isDrained = false;
    const drained = door.drained().then(() => {
      isDrained = true;
    });
    await Promise.resolve();
    assert.equal(isDrained, false);
    answer(new Response("done"));
    await drained;
    assert.equal(await (await asked).text(), "done");
  });
});

describe("taking a node down", () => {
  it("stops parts in reverse, goes on after one that fails, and leaves one that hangs", async () => {
    const teardown = new Teardown(createLog("silent"));
    const stopped: string[] = [];
    teardown.add("first", 1000, () => void stopped.push("first"));
    teardown.add("hangs", 20, () => new Promise(() => {}));
    teardown.add("fails", 1000, () => Promise.reject(new Error("no")));
    teardown.add("last", 1000, async () => void stopped.push("last"));
    await teardown.run();
    assert.deepEqual(stopped, ["last", "first"]);
  });
});

describe("a node", () => {
  it("serves, counts and stops, and opens again on what it stored", async () => {
    const place = await makeDatabasePlace();
    try {
      for (let round = 0; round < 2; round++) {
        const node = await open(testConfig(place.dataDir, place.databaseUrl));
        assert.match(node.url ?? "", /^http:\/\/127\.0\.0\.1:\d+$/);
        assert.equal(node.config.baseUrl, node.url);
        assert.equal((await fetch(`${node.url}/ready`)).status, 200);
        await fetch(`${node.url}/api/plan/search?search_by=&page=0`);
        const metrics = await (await fetch(`${node.url}/metrics`)).text();
        assert.match(metrics, /orrery_requests_total\{method="GET",route="\/api\/plan\/search",status="200"\} 1/);
        assert.match(metrics, /orrery_resident_datasets 0/);
        await node.stop();
        await node.stop();
        await assert.rejects(fetch(`${node.url}/health`));
      }
    } finally {
      await place.remove();
    }
  });

  it("can be embedded without a port", async () => {
    const place = await makeDatabasePlace();
    const node = await open(testConfig(place.dataDir, place.databaseUrl), { listen: false });
    try {
      assert.equal(node.url, null);
      const answer = await node.fetch(request("/api/plan/search?search_by=&page=0"));
      assert.deepEqual(await answer.json(), { rows: [], next_page: null });
    } finally {
      await node.stop();
      await place.remove();
    }
  });

  it("stops at once although somebody listens to live events", async () => {
    const node = await openTestRuntime();
    const stream = await fetch(`${node.url}/api/event`);
    assert.equal(stream.status, 200);
    const read = stream.text().catch(() => "cut");
    const startMs = performance.now();
    await node.stop();
    await read;
    assert.ok(performance.now() - startMs < 5000);
  });

  it("refuses a port that is taken, and says what to set", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const config = { ...testConfig(folder(), null), port };
    await assert.rejects(open(config), { name: "SetupError", message: /another process holds it.*HOST or PORT/ });
    taken.close();
  });
});

describe("orrery serve", () => {
  it("ends with 0 within ten seconds of SIGTERM, with a live stream open", async () => {
    const node = startOrrery(["serve", "--port", "0", "--no-example"], { cwd: folder() });
    const { url } = JSON.parse(await node.line(/"msg":"ready"/));
    const stream = await fetch(`${url}/api/event`);
    const read = stream.text().catch(() => "cut");
    const startMs = performance.now();
    node.signal("SIGTERM");
    assert.equal(await node.ended, 0, node.stderr());
    assert.ok(performance.now() - startMs < 10_000);
    await read;
    assert.match(node.stdout(), /"msg":"stopped"/);
  });

  it("refuses to start on other addresses with the development key", async () => {
    const node = startOrrery(["serve", "--host", "0.0.0.0", "--port", "0"], { cwd: folder() });
    assert.equal(await node.ended, 2);
    assert.match(node.stderr(), /^orrery: Cannot listen on 0\.0\.0\.0 as SECRET_KEY and REMOTE_APIS are not set/);
  });

  it("refuses an unknown key in orrery.yaml, and names it", async () => {
    const cwd = folder();
    writeFileSync(join(cwd, "orrery.yaml"), "computes: {}\nretries: 3\n");
    const node = startOrrery(["serve", "--port", "0"], { cwd });
    assert.equal(await node.ended, 2);
    assert.match(node.stderr(), /orrery\.yaml:2:1: unknown key "retries"/);
    assert.doesNotMatch(node.stderr(), /\n\s+at /);
  });
});
