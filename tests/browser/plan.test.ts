/** The plan page in a real browser: the drawer of a product, its log, and what people do to a plan from there. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { newUuid } from "../../src/model/ids.ts";
import { accessible, openBrowser, visit } from "../support/browser.ts";
import { done, Scene, states } from "../support/http.ts";
import { inEveryLook } from "../support/job-pages.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";
import { signIn } from "../support/sign-in.ts";

let api: TestRuntime;
let browser: Browser;
/** `calibrate` has run, `georeference` prints and waits to be let go, `catalogue` waits for both. */
let running: Scene;
const nasty = `<img src=x onerror="document.title='pwned'">`;
const gate = join(tmpdir(), `plan-page-${newUuid()}`);
const shell = (script: string) => ({ kind: "shell" as const, command: ["sh", "-c", script], attempts: 1 });

before(async () => {
  const computes = {
    quick: shell(`printf '%s' '{"rows":18,"ok":true,"text":"<img src=x>"}' > "$ORRERY_PASSBACK"; echo calibrated`),
    slow: shell(
      `echo 'first line ${nasty.replaceAll("'", "")}'; while [ ! -e ${gate} ]; do sleep 0.1; done; echo last line`,
    ),
    broken: shell("echo no input; exit 3"),
  };
  [api, browser] = await Promise.all([openTestRuntime({ config: { computes } }), openBrowser()]);
  running = new Scene(api);
  const body = running.body("calibrate>georeference>catalogue fetch>report");
  const kinds: Record<string, string> = { calibrate: "quick", georeference: "slow", fetch: "broken" };
  const products = body.data_products.map((product) => ({
    ...product,
    compute: kinds[product.name] ?? "cams",
    passthrough: { note: nasty, band: 7 },
  }));
  done(await running.publish({ ...body, data_products: products }));
});
after(async () => {
  writeFileSync(gate, "");
  await browser.close();
  await api.stop();
});

const shoot = async (page: Page, name: string): Promise<void> => {
  if (process.env.SCREENSHOTS !== undefined) await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png` });
};
const rowLink = (page: Page, scene: Scene, name: string) => page.locator(`#product-${scene.id(name)} a[data-open]`);

describe("the drawer of a product", () => {
  it("is accessible in every look, and shows hostile names as text", async () => {
    const url = `${api.url}/plan/${running.datasetId}?product=${running.id("georeference")}`;
    const { page, faults, close } = await visit(browser, url);
    await page.locator("#log").getByText("first line").waitFor();
    await page.waitForSelector("#graph.drawn");
    assert.equal(await page.locator("img").count(), 0);
    assert.match((await page.textContent("#log")) ?? "", /<img src=x/);
    await inEveryLook(page, "drawer");
    assert.deepEqual(faults, []);
    await close();
  });

  it("opens from a row and from a node, has an address, closes by Escape and going back, and gives the focus back", async () => {
    const { page, faults, close } = await visit(browser, `${api.url}/plan/${running.datasetId}`);
    await page.waitForSelector("#graph.drawn");
    await rowLink(page, running, "calibrate").click();
    await page.waitForURL(new RegExp(`product=${running.id("calibrate")}`));
    const drawer = page.locator("#drawer");
    await drawer.getByRole("heading", { name: "calibrate:1.0" }).waitFor();
    assert.ok(await page.evaluate(() => document.activeElement?.id === "drawer_title"));
    assert.match((await drawer.textContent()) ?? "", /attempt 1 succeeded/);
    assert.equal(await drawer.locator(".json-number", { hasText: "18" }).count(), 1);
    await page.keyboard.press("Escape");
    await drawer.waitFor({ state: "detached" });
    assert.ok(
      await rowLink(page, running, "calibrate").evaluate((link) => link === document.activeElement),
      "the focus went elsewhere",
    );
    await page.locator(`#graph a[data-product="${running.id("fetch")}"]`).click();
    await drawer.getByText("after 1 attempt of 1").waitFor();
    await drawer.locator("#log").getByText("no input").waitFor();
    await page.goBack();
    await drawer.waitFor({ state: "detached" });
    await page.goForward();
    await drawer.getByRole("heading", { name: "fetch:1.0" }).waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  it("says what holds a product, and leads there", async () => {
    const url = `${api.url}/plan/${running.datasetId}?product=${running.id("catalogue")}`;
    const { page, close } = await visit(browser, url);
    await page.locator("#drawer_why").getByText("waits for georeference").waitFor();
    await page.locator("#drawer_why a").click();
    await page.locator("#drawer").getByRole("heading", { name: "georeference:1.0" }).waitFor();
    await close();
  });

  it("is read without JavaScript: at its own address, closed by a link", async () => {
    const { page, close } = await visit(browser, `${api.url}/plan/${running.datasetId}`, { javaScript: false });
    await rowLink(page, running, "fetch").click();
    const drawer = page.locator("#drawer");
    assert.match((await drawer.textContent()) ?? "", /fetch failed at .* after 1 attempt of 1/);
    await drawer.locator("summary").first().click();
    assert.ok(await drawer.getByText("no input").first().isVisible());
    assert.equal(await page.locator("button[data-action]:visible").count(), 0);
    await drawer.getByRole("link", { name: /^Close/ }).click();
    assert.equal(await page.locator("#drawer").count(), 0);
    await close();
  });

  it("offers nobody what they may not do", async () => {
    const url = `${api.url}/plan/${running.datasetId}?product=${running.id("catalogue")}`;
    const { page, close } = await visit(browser, url);
    assert.equal(await page.locator("button[data-action]").count(), 0);
    await close();
    const other = await visit(browser, api.url);
    await signIn(other.page, api.url, "disabler", `/plan/${running.datasetId}?product=${running.id("catalogue")}`);
    await other.page.getByRole("button", { name: "Disable" }).waitFor();
    assert.deepEqual(await other.page.locator("button[data-action]").allTextContents(), ["Disable…"]);
    await other.close();
  });
});

describe("acting on a plan from its page", () => {
  const confirm = (page: Page, name: RegExp) => page.locator("#confirm").getByRole("button", { name }).click();

  it("pauses and unpauses after a question, and shows it at once", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b"));
    const { page, faults, close } = await visit(browser, api.url);
    await signIn(page, api.url, "admin", `/plan/${scene.datasetId}`);
    await page.waitForSelector("#live_state.on");
    await page.getByRole("button", { name: "Pause…" }).click();
    await page.getByText("Nothing new is triggered").waitFor();
    await page.keyboard.press("Escape");
    assert.equal((await scene.get()).json.dataset.paused, false, "asking did it");
    await page.getByRole("button", { name: "Pause…" }).click();
    await confirm(page, /^Pause/);
    await page.waitForSelector("#plan_state .paused");
    await page.getByRole("button", { name: "Unpause…" }).click();
    await confirm(page, /^Unpause/);
    await page.waitForSelector("#plan_state .unpaused");
    assert.deepEqual(faults, []);
    await close();
  });

  it("names all that a clear affects before it clears, then clears just that", async () => {
    const scene = new Scene(api);
    done(await scene.publish("extract>load>check extract>audit other"));
    done(await scene.set("success", "extract", "other"));
    done(await scene.set("success", "load"));
    const before = states(await scene.get());
    const { page, faults, close } = await visit(browser, api.url);
    await signIn(page, api.url, "admin", `/plan/${scene.datasetId}?product=${scene.id("extract")}`);
    await page.waitForSelector("#live_state.on");
    await page.getByRole("button", { name: "Clear…" }).click();
    const affected = page.locator("#confirm .affected li");
    await affected.first().waitFor();
    const named = (await affected.allTextContents()).map((text) => text.split(":")[0]);
    assert.deepEqual(named.sort(), ["audit", "check", "extract", "load"]);
    assert.deepEqual(states(await scene.get()), before, "asking did it");
    await accessible(page);
    await shoot(page, "confirm-clear");
    await confirm(page, /^Clear 4 products/);
    await page.waitForSelector(`#product-${scene.id("load")} .state.waiting`);
    await page.getByRole("status").getByText("Done: Clear 4 products").waitFor();
    assert.deepEqual(states(await scene.get()), {
      ...{ extract: "queued", load: "waiting", check: "waiting", audit: "waiting", other: "success" },
    });
    assert.deepEqual(faults, []);
    await close();
  });

  it("disables and enables, and says why when it is refused", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b"));
    const { page, close } = await visit(browser, api.url);
    await signIn(page, api.url, "admin", `/plan/${scene.datasetId}?product=${scene.id("a")}`);
    await page.waitForSelector("#live_state.on");
    await page.getByRole("button", { name: "Disable…" }).click();
    await page.locator("#confirm .affected li").first().waitFor();
    await confirm(page, /^Disable/);
    await page.locator("#drawer_state .disabled").waitFor();
    await page.getByRole("button", { name: "Enable…" }).click();
    await page.locator("#confirm .affected li").first().waitFor();
    done(await scene.enable("a")); // somebody else is faster
    await confirm(page, /^Enable/);
    await page.locator("#confirm").getByRole("alert").getByText("not disabled").waitFor();
    await close();
  });

  it("retries what has failed and all that depends on it", async () => {
    const scene = new Scene(api);
    done(await scene.publish("a>b c>d"));
    done(await scene.set("failed", "a", "c"));
    const { page, faults, close } = await visit(browser, api.url);
    await signIn(page, api.url, "operator", `/plan/${scene.datasetId}`);
    await page.waitForSelector("#live_state.on");
    assert.deepEqual(await page.locator("#plan_actions button").allTextContents(), ["Retry 2 failed…"]);
    await page.getByRole("button", { name: "Retry 2 failed…" }).click();
    await page.getByText("2 products are queued at once").waitFor();
    await confirm(page, /^Retry 2 products/);
    await page.waitForSelector(`#product-${scene.id("a")} .state.queued`);
    assert.deepEqual(states(await scene.get()), { a: "queued", b: "waiting", c: "queued", d: "waiting" });
    assert.deepEqual(faults, []);
    await close();
  });

  it("follows a log to its end, and the product with it", async () => {
    const url = `${api.url}/plan/${running.datasetId}?product=${running.id("georeference")}`;
    const { page, faults, close } = await visit(browser, url);
    await page.locator("#log").getByText("first line").waitFor();
    await page.waitForSelector("#live_state.on");
    writeFileSync(gate, "");
    await page.locator("#log").getByText("last line").waitFor();
    await page.locator("#drawer_state .success").waitFor();
    await page.locator("#log_state").getByText("Job succeeded").waitFor();
    await page.locator("#drawer_story").getByText("attempt 1 succeeded").waitFor();
    assert.deepEqual(faults, []);
    await close();
  });
});
