/** The page of a plan of thousands in a real browser: groups in the graph, pages of the table, changes shown all the same. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { accessible, openBrowser, visit } from "../support/browser.ts";
import { done, Scene } from "../support/http.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";

let api: TestRuntime;
let browser: Browser;
/** 16 stages of 100 parts. */
let large: Scene;

before(async () => {
  [api, browser] = await Promise.all([openTestRuntime(), openBrowser()]);
  large = new Scene(api);
  const chains = Array.from({ length: 100 }, (_, part) =>
    Array.from({ length: 16 }, (_, stage) => `stage${stage}_part_${part}`).join(">"),
  );
  done(await large.publish(chains.join(" ")));
  done(await large.set("success", "stage0_part_0", "stage0_part_1"));
});
after(async () => {
  await browser.close();
  await api.stop();
});

const group = (stage: number) => `#graph a[data-group="${stage}/stage${stage}_part"]`;

describe("the page of a plan of thousands", () => {
  it("shows groups that count their states, opens one and closes it, follows changes in both", async () => {
    const { page, faults, close } = await visit(browser, `${api.url}/plan/${large.datasetId}`);
    await page.waitForSelector("#graph.drawn");
    await page.waitForSelector("#live_state.on");
    assert.equal(await page.locator("#graph a.node").count(), 16);
    assert.match((await page.textContent(`${group(0)} title`)) ?? "", /^stage0_part ×100: 98 queued, 2 success$/);
    await accessible(page);
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/large.png` });
    done(await large.set("failed", "stage0_part_5"));
    await page.waitForSelector(`${group(0)}.failed`);
    await page.locator(group(0)).click();
    await page.waitForSelector(`#graph a[data-product="${large.id("stage0_part_5")}"].failed`);
    assert.equal(await page.locator("#graph a.node").count(), 115);
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/large-open.png` });
    done(await large.set("running", "stage0_part_6"));
    await page.waitForSelector(`#graph a[data-product="${large.id("stage0_part_6")}"].running`);
    await page.getByRole("button", { name: "Collapse" }).click();
    await page.waitForFunction(() => document.querySelectorAll("#graph a.node").length === 16);
    assert.deepEqual(faults, []);
    await close();
  });

  it("finds a single product by its name, and leads to it", async () => {
    const { page, faults, close } = await visit(browser, `${api.url}/plan/${large.datasetId}`);
    await page.waitForSelector("#graph.drawn");
    await page.fill("#graph_search", "stage15_part_9");
    await page.locator("#graph_hits").getByText("stage15_part_97:1.0").waitFor();
    assert.equal(await page.locator("#graph_hits a").count(), 11);
    await page.locator("#graph_hits").getByText("stage15_part_97:1.0").click();
    await page.locator("#drawer").getByRole("heading", { name: "stage15_part_97:1.0" }).waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  it("has 500 rows a page, which change in place, and leads to the JSON", async () => {
    const { page, faults, close } = await visit(browser, `${api.url}/plan/${large.datasetId}`);
    await page.waitForSelector("#live_state.on");
    assert.equal(await page.locator("#products tr").count(), 500);
    done(await large.set("running", "stage0_part_9"));
    await page.waitForSelector(`#product-${large.id("stage0_part_9")} .state.running`);
    await page.getByRole("link", { name: "Next 500" }).click();
    await page.getByText("501 to 1000 of 1600").waitFor();
    await page.waitForSelector("#live_state.on");
    done(await large.set("running", "stage0_part_10"));
    await page.locator("#plan_state").getByText("3 running").waitFor();
    assert.equal(await page.locator("#products tr").count(), 500);
    assert.equal(await page.getByRole("link", { name: "the plan as JSON" }).count(), 1);
    assert.deepEqual(faults, []);
    await close();
  });

  it("is read without JavaScript: a group is opened by its link", async () => {
    const { page, close } = await visit(browser, `${api.url}/plan/${large.datasetId}`, { javaScript: false });
    await page.getByRole("link", { name: "stage3_part ×100" }).click();
    assert.equal(await page.locator("#graph_source li").count(), 115);
    await close();
  });
});
