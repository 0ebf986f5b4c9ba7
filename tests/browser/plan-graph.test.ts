/** The graph and the Gantt chart of a plan in a real browser: looked around in, searched, and kept true. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { openBrowser, visit } from "../support/browser.ts";
import { done, Scene } from "../support/http.ts";
import { inEveryLook } from "../support/job-pages.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";

let api: TestRuntime;
let browser: Browser;
/** Five stages of processing of 40 scenes. */
let wide: Scene;

before(async () => {
  [api, browser] = await Promise.all([openTestRuntime(), openBrowser()]);
  wide = new Scene(api);
  const chains = Array.from(
    { length: 40 },
    (_, n) => `downlink>decode_${n}>calibrate_${n}>mosaic_${Math.floor(n / 8)}${n % 8 === 0 ? ">catalogue" : ""}`,
  );
  done(await wide.publish(chains.join(" ")));
  const first = Array.from({ length: 16 }, (_, n) => n);
  done(await wide.set("success", "downlink"));
  done(await wide.set("running", ...first.map((n) => `decode_${n}`)));
  done(await wide.set("success", ...first.slice(0, 10).map((n) => `decode_${n}`)));
  done(await wide.set("failed", "decode_11"));
});
after(async () => {
  await browser.close();
  await api.stop();
});

async function open(look: Parameters<typeof visit>[2] = {}) {
  const visited = await visit(browser, `${api.url}/plan/${wide.datasetId}`, look);
  await visited.page.waitForSelector("#graph.drawn");
  return visited;
}
/** `translate(x y) scale(k)` */
async function placeOf(page: Page): Promise<{ x: number; y: number; k: number }> {
  const text = (await page.getAttribute("#graph .world", "transform")) ?? "";
  const [x = 0, y = 0, k = 0] = [...text.matchAll(/-?[\d.]+(?:e-\d+)?/g)].map(Number);
  return { x, y, k };
}

describe("the graph of a plan", () => {
  it("is accessible in every look, the minimap beside it", async () => {
    const { page, faults, close } = await open();
    await page.locator("#graph .minimap").waitFor();
    await inEveryLook(page, "plan");
    await page.setViewportSize({ width: 390, height: 900 });
    await page.reload();
    await page.locator("#graph .minimap").waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  it("zooms by buttons, keys and the wheel, and fits all of it", async () => {
    const { page, faults, close } = await open();
    const start = await placeOf(page);
    await page.getByRole("button", { name: "Zoom in" }).click();
    const near = await placeOf(page);
    assert.ok(near.k > start.k);
    await page.getByRole("button", { name: "Fit" }).click();
    const whole = await placeOf(page);
    const box = await page.locator("#graph .view").boundingBox();
    const all = await page.locator("#graph .world").boundingBox();
    assert.ok(box !== null && all !== null && all.width <= box.width + 1 && all.height <= box.height + 1);
    assert.ok(!(await page.locator("#graph .minimap").isVisible()));
    await page.locator("#graph").focus();
    await page.keyboard.press("+");
    await page.keyboard.press("+");
    assert.ok((await placeOf(page)).k > whole.k);
    await page.keyboard.press("0");
    assert.deepEqual(await placeOf(page), whole);
    await page.locator("#graph .view").hover();
    const before = await page.getAttribute("#graph .world", "transform");
    await page.mouse.wheel(0, -400);
    await page.waitForFunction(
      (old) => document.querySelector("#graph .world")?.getAttribute("transform") !== old,
      before,
    );
    assert.ok((await placeOf(page)).k > whole.k);
    assert.deepEqual(faults, []);
    await close();
  });

  it("lets the page scroll over it until somebody is in it", async () => {
    const { page, close } = await open();
    const start = await placeOf(page);
    await page.locator("#graph .view").hover();
    await page.mouse.wheel(0, 300);
    await page.waitForFunction(() => window.scrollY > 0);
    assert.deepEqual(await placeOf(page), start);
    await close();
  });

  it("is dragged without opening what it is dragged by, and moved by arrows and on its map", async () => {
    const { page, close } = await open();
    for (let n = 0; n < 3; n++) await page.getByRole("button", { name: "Zoom in" }).click();
    const start = await placeOf(page);
    const card = page.locator("#graph a.node").filter({ hasText: "calibrate_" }).first();
    const view = await page.locator("#graph .view").boundingBox();
    assert.ok(view !== null && (await card.count()) === 1);
    await page.mouse.move(view.x + view.width / 2, view.y + view.height / 2);
    await page.mouse.down();
    await page.mouse.move(view.x + view.width / 2 - 60, view.y + view.height / 2 - 40, { steps: 4 });
    await page.mouse.up();
    const moved = await placeOf(page);
    assert.ok(
      Math.abs(moved.x - start.x + 60) < 2 && Math.abs(moved.y - start.y + 40) < 2,
      JSON.stringify([start, moved]),
    );
    assert.equal(await page.locator("#drawer").count(), 0);
    await page.locator("#graph").focus();
    await page.keyboard.press("ArrowRight");
    assert.ok((await placeOf(page)).x < moved.x);
    await page.locator("#graph .minimap").click({ position: { x: 6, y: 6 } });
    assert.deepEqual([(await placeOf(page)).x, (await placeOf(page)).y], [0, 0]);
    await close();
  });

  it("finds products by name: they stand out, one after the other is centred", async () => {
    const { page, close } = await open();
    await page.keyboard.press("/");
    await page.keyboard.type("MOSAIC_");
    await page.locator("#graph_found").getByText("1 of 5").waitFor();
    assert.equal(await page.locator("#graph a.hit").count(), 5);
    const centred = async () => {
      const view = await page.locator("#graph .view").boundingBox();
      const cards = await page.locator("#graph a.hit").evaluateAll((all) =>
        all.map((one) => {
          const { x, y, width, height } = one.getBoundingClientRect();
          return { x: x + width / 2, y: y + height / 2, name: one.textContent ?? "" };
        }),
      );
      return cards.filter(
        ({ x, y }) => view && x > view.x && x < view.x + view.width && y > view.y && y < view.y + view.height,
      );
    };
    assert.ok((await centred()).length > 0);
    await page.keyboard.press("Enter");
    await page.locator("#graph_found").getByText("2 of 5").waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("#graph a.hit").count(), 0);
    await page.fill("#graph_search", "nothing like it");
    await page.locator("#graph_found").getByText("None").waitFor();
    await close();
  });
});

describe("the Gantt chart of a plan", () => {
  it("has a bar for each run, grows with changes while it is seen, and leads to the product", async () => {
    const { page, faults, close } = await open();
    await page.waitForSelector("#live_state.on");
    await page.locator("#gantt").scrollIntoViewIfNeeded();
    const row = (name: string) => page.locator(`#gantt [data-row="${wide.id(name)}"]`);
    assert.equal(await row("decode_11").locator(".bar.failed").count(), 1);
    assert.equal(await row("decode_12").locator(".bar.running").count(), 1);
    done(await wide.set("success", "decode_12"));
    await row("decode_12").locator(".bar.success").waitFor();
    await row("decode_11").locator("a").click();
    await page.locator("#drawer").getByRole("heading", { name: "decode_11:1.0" }).waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  it("is read without JavaScript, and says when there is nothing", async () => {
    const { page, close } = await visit(browser, `${api.url}/plan/${wide.datasetId}`, { javaScript: false });
    assert.ok(await page.locator(`#gantt [data-row="${wide.id("decode_11")}"] .bar`).isVisible());
    const fresh = new Scene(api);
    done(await fresh.publish("a"));
    await page.goto(`${api.url}/plan/${fresh.datasetId}`);
    assert.match((await page.textContent("#gantt")) ?? "", /Nothing has run yet/);
    await close();
  });
});
