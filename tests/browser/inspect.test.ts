/** The inspector in a real browser: what happens is shown as it happens, the past is stepped through by keys, everybody can read it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { accessible, openBrowser, visit } from "../support/browser.ts";
import { done, Scene } from "../support/http.ts";
import { inEveryLook } from "../support/job-pages.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";
import { until } from "../support/signal.ts";

const nasty = `<img src=x onerror="document.title='hacked'">`;
let api: TestRuntime;
let browser: Browser;
before(async () => {
  [api, browser] = await Promise.all([openTestRuntime(), openBrowser()]);
});
after(async () => {
  await browser.close();
  await api.stop();
});

/** A plan with a past: its product `orbit` has failed once. */
async function plan(): Promise<{ scene: Scene; path: string }> {
  const scene = new Scene(api);
  const body = scene.body("telemetry>orbit>map orbit>plot");
  const named = body.data_products.map((product) => (product.name === "plot" ? { ...product, name: nasty } : product));
  done(await scene.publish({ ...body, data_products: named }));
  done(await scene.set("success", "telemetry"));
  done(await scene.set("running", "orbit"));
  done(await scene.set("failed", "orbit"));
  done(await scene.clear("orbit"));
  done(await scene.set("running", "orbit"));
  return { scene, path: `/inspect/product/${scene.datasetId}/${scene.id("orbit")}` };
}

async function signIn(page: Page): Promise<void> {
  await page.fill("input[name=key]", "operator-key");
  await page.fill("input[name=service]", "operator");
  await page.click("main button[type=submit]");
}

async function open(path: string, look: Parameters<typeof visit>[2] = {}) {
  const visited = await visit(browser, `${api.url}${path}`, look);
  await signIn(visited.page);
  await visited.page.waitForURL(`${api.url}${path}`);
  return visited;
}

const lit = (page: Page) => page.getAttribute(".card-of.lit", "data-state");

describe("the inspector in a browser", () => {
  it("is accessible in every look", async () => {
    const { scene, path } = await plan();
    const token = await api.tokenOf("admin");
    done(await api.request("PUT", "/api/ship/aurora", { token, body: { format: "raw" } }));
    const body = { ship: "aurora", port: "auto", aos: new Date().toISOString(), duration_s: 60 };
    const pass = done(await api.request("POST", "/api/pass", { token, body })).json;
    const { page, faults, close } = await open(path);
    const pages = {
      product: path,
      past: `${path}?revision=4`,
      dataset: `/inspect/dataset/${scene.datasetId}`,
      pass: `/inspect/pass/${pass.id}`,
      listener: `/inspect/listener/${pass.id}`,
      job: "/inspect/machine/job",
      list: "/inspect",
    };
    for (const [name, to] of Object.entries(pages)) {
      await api.request("GET", `/api/plan/${scene.datasetId}`);
      await page.goto(`${api.url}${to}`);
      if (name !== "job") await page.waitForSelector("#live_state.on");
      await inEveryLook(page, `inspect-${name}`);
    }
    assert.equal(await page.title(), "Orrery");
    assert.deepEqual(faults, []);
    await close();
    done(await api.request("PUT", `/api/pass/${pass.id}/cancel`, { token }));
  });

  it("lights the state and logs the event as soon as it is committed, with what the actor held", async () => {
    const { scene, path } = await plan();
    const { page, faults, close } = await open(path);
    await page.waitForSelector("#live_state.on");
    assert.equal(await lit(page), "running");
    done(await scene.update([{ id: scene.id("orbit"), state: "success", passback: { password: "hunter2" } }]));
    await page.waitForSelector(`.card-of.lit[data-state="success"]`);
    const own = page.locator("#live_events li.own", { hasText: "reported" });
    await own.getByText("running → success").waitFor();
    await own.locator("summary").click();
    await own.getByText(`"passback": "(`).waitFor();
    assert.ok(!(await page.content()).includes("hunter2"));
    await page.locator("#live_events li", { hasText: "product map" }).waitFor();
    await accessible(page);
    assert.deepEqual(faults, []);
    await close();
  });

  it("steps back and forth through the past by buttons and by arrow keys", async () => {
    const { path } = await plan();
    const { page, faults, close } = await open(path);
    await page.waitForSelector("#live_state.on");
    const seen: (string | null)[] = [];
    for (const position of [6, 5, 4, 3, 2, 1]) {
      await page.locator(".travel .where", { hasText: new RegExp(`Revision ${position} `) }).waitFor();
      seen.push(await lit(page));
      if (position > 1) await page.keyboard.press("ArrowLeft");
    }
    assert.deepEqual(seen, ["running", "queued", "failed", "running", "queued", "waiting"]);
    assert.ok(page.url().endsWith("?revision=1"));
    await page.keyboard.press("ArrowRight");
    await page.locator(".travel .where", { hasText: "Revision 2" }).waitFor();
    await page.getByRole("link", { name: "Later" }).click();
    await page.locator(".travel .where", { hasText: "Revision 3" }).waitFor();
    await page.getByRole("link", { name: "Now" }).click();
    await page.locator(".travel .where", { hasText: "Revision 6" }).waitFor();
    assert.equal(page.url(), `${api.url}${path}`);
    await page.locator(".log").getByRole("link", { name: "4", exact: true }).click();
    await page.waitForSelector(`.card-of.lit[data-state="failed"]`);
    assert.deepEqual(faults, []);
    await close();
  });

  it("can be read without JavaScript", async () => {
    const { path } = await plan();
    const { page, close } = await open(path, { javaScript: false });
    assert.equal(await page.getAttribute(".card-of.lit", "data-state"), "running");
    await page.getByRole("link", { name: "Earlier" }).click();
    await page.waitForURL(/revision=5$/);
    assert.equal(await page.getAttribute(".card-of.lit", "data-state"), "queued");
    await close();
  });

  it("lists actors that come to life, and makes out an address for a tool", async () => {
    const { page, faults, close } = await open("/inspect");
    const scene = new Scene(api);
    const name = `comet-${randomUUID()}`;
    done(
      await scene.publish({
        ...scene.body("a"),
        data_products: [{ ...scene.body("a").data_products[0], name } as never],
      }),
    );
    await until("listed", async () => {
      await scene.get();
      return (await page.getByText(name).count()) > 0;
    });
    await page.fill("input[name=q]", scene.datasetId);
    await page.getByRole("button", { name: "Show" }).click();
    await page.waitForURL(`${api.url}/inspect/dataset/${scene.datasetId}`);
    await page.getByRole("link", { name: "Inspect" }).first().click();
    await page.getByRole("button", { name: "Get an address" }).click();
    const address = (await page.textContent("#ticket"))?.trim() ?? "";
    const heard = new Promise((resolve, reject) => {
      const socket = new WebSocket(address);
      socket.onopen = () => {
        resolve(true);
        socket.close();
      };
      socket.onerror = reject;
    });
    assert.equal(await heard, true);
    await accessible(page);
    assert.deepEqual(faults, []);
    await close();
  });
});
