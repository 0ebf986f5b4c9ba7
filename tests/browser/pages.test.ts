/** The pages in a real browser: they load, look right at both widths, stay true while plans change, and ask nobody else for anything. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { openBrowser, visit } from "../support/browser.ts";
import { done, Scene } from "../support/http.ts";
import { inEveryLook } from "../support/job-pages.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";

let api: TestRuntime;
let browser: Browser;
let scene: Scene;
const nasty = `<img src=x onerror="document.title='pwned'">`;

before(async () => {
  [api, browser] = await Promise.all([openTestRuntime(), openBrowser()]);
  for (let n = 0; n < 60; n++) done(await new Scene(api).publish("", { n, text: "a rather long text, ".repeat(8) }));
  scene = new Scene(api);
  const body = scene.body("extract>load>check extract>audit gone nasty", { period: "2026-10" });
  const products = body.data_products.map((p) => (p.name === "nasty" ? { ...p, name: nasty } : p));
  done(await scene.publish({ ...body, data_products: products }));
  done(await scene.disable("gone"));
});
after(async () => {
  await browser.close();
  await api.stop();
});

describe("a page in a browser", () => {
  it("is accessible, without errors, and fits every screen", async () => {
    for (const [name, path] of [
      ["home", "/"],
      ["plan-small", `/plan/${scene.datasetId}`],
      ["passes-none", "/pass"],
    ] as const) {
      const { page, faults, close } = await visit(browser, `${api.url}${path}`);
      await page.waitForSelector("#live_state.on");
      if (name === "plan-small") await page.waitForSelector("#graph.drawn");
      await inEveryLook(page, name);
      assert.deepEqual(faults, [], path);
      await close();
    }
  });

  it("is readable without JavaScript: the graph as a list, older plans behind a link", async () => {
    const plan = await visit(browser, `${api.url}/plan/${scene.datasetId}`, { javaScript: false });
    const items = (await plan.page.locator("#graph_source li").allTextContents()).map((item) => item.trim());
    const number = items.findIndex((item) => item.includes("extract:1.0")) + 1;
    assert.ok(
      items.some((item) => item.endsWith(`load:1.0 after ${number}`)),
      items.join(", "),
    );
    assert.ok(await plan.page.locator("#graph_source").isVisible());
    await plan.close();
    const { page, close } = await visit(browser, api.url, { javaScript: false });
    await page.click("#search_pagination a");
    assert.equal(await page.locator("#search_results tr").count(), 11);
    await close();
  });
});

describe("the plan page in a browser", () => {
  it("draws the graph left to right, labelled name:version, without disabled products", async () => {
    const { page, close } = await visit(browser, `${api.url}/plan/${scene.datasetId}`);
    await page.waitForSelector("#graph svg");
    const labels = await page.locator("#graph svg text").allTextContents();
    assert.deepEqual(
      labels.sort(),
      [...["audit:1.0", "check:1.0", "extract:1.0", "load:1.0"], `${nasty.slice(0, 41)}…`].sort(),
    );
    const left = (name: string) =>
      page.locator("#graph svg a", { hasText: name }).evaluate((card) => card.getBoundingClientRect().left);
    assert.ok((await left("extract")) < (await left("load")) && (await left("load")) < (await left("check")));
    assert.equal(await page.title(), "Orrery");
    assert.equal(await page.locator("img").count(), 0);
    await close();
  });

  it("shows a change made through the API in place: badge, row, node and JSON, without a new layout", async () => {
    const { page, faults, close } = await visit(browser, `${api.url}/plan/${scene.datasetId}`);
    await page.waitForSelector("#graph.drawn");
    await page.waitForSelector("#live_state.on");
    await page.evaluate(() => document.querySelector("#graph svg")?.setAttribute("data-first", "yes"));
    done(await scene.update([{ id: scene.id("extract"), state: "success", link: "https://example.com/run/1" }]));
    const row = `#product-${scene.id("extract")}`;
    await page.waitForSelector(`${row} .state.success`);
    await page.waitForSelector(`#graph a.success[data-product="${scene.id("extract")}"]`);
    await page.waitForSelector(`#graph a.queued[data-product="${scene.id("load")}"]`);
    assert.equal(await page.getAttribute(`${row} td.link a`, "href"), "https://example.com/run/1");
    assert.match((await page.textContent("#plan_state")) ?? "", /1 success/);
    assert.match((await page.textContent("#plan_json")) ?? "", /"state": "success"/);
    assert.equal(await page.getAttribute("#graph svg", "data-first"), "yes");

    done(await scene.pause());
    await page.waitForSelector("#plan_state .paused");
    done(await scene.publish(scene.body("check>later")));
    await page.waitForSelector(`#graph a[data-product="${scene.id("later")}"]`);
    assert.equal(await page.getAttribute("#graph svg", "data-first"), null);
    assert.deepEqual(faults, []);
    await close();
    done(await scene.unpause());
  });

  it("shows the changes of a plan of 300 products", async () => {
    const large = new Scene(api);
    const names = Array.from({ length: 300 }, (_, n) => `p${n}`);
    done(
      await large.publish(names.map((name, n) => (n === 0 ? name : `p${Math.floor((n - 1) / 4)}>${name}`)).join(" ")),
    );
    const { page, close } = await visit(browser, `${api.url}/plan/${large.datasetId}`);
    await page.waitForSelector("#live_state.on");
    done(await large.set("running", "p0"));
    await page.waitForSelector(`#product-${large.id("p0")} .state.running`);
    done(await large.disable("p299"));
    await page.waitForSelector(`#product-${large.id("p299")} .state.disabled`);
    await page.waitForSelector("#graph.drawn", { timeout: 20_000 });
    await page.waitForSelector(`#graph a[data-product="${large.id("p299")}"]`, { state: "detached" });
    await page.waitForFunction(() =>
      /"state": "disabled"/.test(document.querySelector("#plan_json")?.textContent ?? ""),
    );
    await close();
  });
});

describe("the search page in a browser", () => {
  it("shows a plan that is published meanwhile, but leaves rows that the reader asked for as they are", async () => {
    const { page, faults, close } = await visit(browser, api.url);
    await page.waitForSelector("#live_state.on");
    const first = new Scene(api);
    done(await first.publish("a", { name: "while somebody looks" }));
    await page.locator("#search_results tr").first().getByText("while somebody looks").waitFor();
    await page.fill("#search_by_input", '"n":59');
    await page.waitForFunction(() => document.querySelectorAll("#search_results tr").length === 1);
    const token = await api.tokenOf("admin");
    done(await api.request("PUT", "/api/ship/late", { token, body: { format: "raw" } }));
    const body = { ship: "late", aos: new Date(Date.now() + 60_000).toISOString(), duration_s: 1 };
    const { id } = done(await api.request("POST", "/api/pass", { token, body })).json;
    await page.locator(".pass-cards").getByText("late").waitFor();
    assert.equal(await page.locator("#search_results tr").count(), 1);
    assert.equal(await page.inputValue("#search_by_input"), '"n":59');
    assert.deepEqual(faults, []);
    await close();
    done(await api.request("PUT", `/api/pass/${id}/cancel`, { token }));
  });

  it("searches while typing, keeps the address, and says when there is nothing", async () => {
    const { page, faults, close } = await visit(browser, api.url);
    assert.equal(await page.locator("#search_results tr").count(), 51);
    await page.locator("#search_by_input").pressSequentially('"n":59');
    await page.waitForFunction(() => document.querySelectorAll("#search_results tr").length === 1);
    await page.waitForURL(/\?search_by=%22n%22%3A59/);
    await page.fill("#search_by_input", "no such plan");
    await page.getByText("No plan found").waitFor({ state: "visible" });
    await page.fill("#search_by_input", "");
    await page.waitForFunction(() => document.querySelectorAll("#search_results tr").length > 50);
    assert.ok(!(await page.getByText("No plan found").isVisible()));
    await page.waitForURL(`${api.url}/`);
    assert.deepEqual(faults, []);
    await close();
  });

  it("loads the next page when its end comes into view", async () => {
    const { page, faults, close } = await visit(browser, api.url);
    await page.locator("#search_pagination").scrollIntoViewIfNeeded();
    await page.waitForFunction(() => document.querySelectorAll("#search_results tr").length > 51);
    const hrefs = await page
      .locator("#search_results a.id")
      .evaluateAll((links) => links.map((link) => link.getAttribute("href")));
    assert.equal(new Set(hrefs).size, hrefs.length);
    assert.equal(await page.locator("#search_pagination").count(), 0);
    assert.deepEqual(faults, []);
    await close();
  });
});
