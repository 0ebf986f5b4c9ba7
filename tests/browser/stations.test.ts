/** The timeline of passes and the pages of stations in a real browser. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { instantOf } from "../../src/model/clock.ts";
import { openBrowser, visit } from "../support/browser.ts";
import { freshTle } from "../support/fresh-tle.ts";
import { done } from "../support/http.ts";
import { inEveryLook } from "../support/job-pages.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";

const nasty = `<img src=x onerror="document.title='pwned'">`;
let api: TestRuntime;
let browser: Browser;
let token = "";
const plan = (ship: string, station: string | null, minutes: number, more: object = {}) =>
  api.request("POST", "/api/pass", {
    token,
    body: { ship, station, aos: instantOf(Date.now() + minutes * 60_000), duration_s: 900, ...more },
  });

before(async () => {
  [api, browser] = await Promise.all([openTestRuntime(), openBrowser()]);
  token = await api.tokenOf("publisher");
  for (const ship of ["aurora", "borealis", "corvus"])
    done(await api.request("PUT", `/api/ship/${ship}`, { token, body: { format: "raw" } }));
  done(await api.request("PUT", "/api/ship/aurora/tle", { token, body: { tle: freshTle() } }));
  const station = {
    latitude: 47.8,
    longitude: 11.1,
    height_m: 650,
    description: "Weilheim, 15 m",
    mask: [
      [0, 5],
      [90, 12],
      [180, 3],
      [270, 20],
    ],
  };
  done(await api.request("PUT", "/api/station/weilheim", { token, body: station }));
  for (const [ship, station, minutes] of [
    ["aurora", "weilheim", 60],
    ["borealis", "weilheim", 95],
    ["corvus", "weilheim", 300],
    ["borealis", "kiruna", 30],
    ["aurora", "svalbard", 200],
    ["corvus", null, 20],
    ["borealis", nasty, 500],
  ] as const)
    done(await plan(ship, station, minutes));
  done(await plan("aurora", "kiruna", -300));
});
after(async () => {
  await browser.close();
  await api.stop();
});

describe("passes by station and time in a browser", () => {
  it("are accessible, without errors, and fit every screen", async () => {
    for (const path of ["/pass", "/pass?span=1w", "/station", "/station/weilheim"]) {
      const { page, faults, close } = await visit(browser, `${api.url}${path}`);
      await page.waitForSelector("#live_state.on");
      await inEveryLook(page, path.replaceAll(/[^a-z0-9]+/g, "-").slice(1));
      assert.equal(await page.title(), "Orrery");
      assert.deepEqual(faults, [], path);
      await close();
    }
  });

  it("show a pass that is planned meanwhile, and one that is cancelled, without a reload", async () => {
    const { page, faults, close } = await visit(browser, `${api.url}/pass`);
    await page.waitForSelector("#live_state.on");
    const { json } = done(await plan("corvus", "troll", 240));
    await page.waitForSelector(`.timeline a.planned[href="/pass/${json.id}"]`);
    done(await api.request("PUT", `/api/pass/${json.id}/cancel`, { token }));
    await page.waitForSelector(`.timeline a.cancelled[href="/pass/${json.id}"]`);
    await page.getByRole("link", { name: "Week" }).click();
    await page.waitForURL(/span=1w/);
    await page.getByRole("link", { name: "weilheim", exact: true }).first().click();
    await page.waitForURL(`${api.url}/station/weilheim`);
    assert.ok((await page.locator(".sky .course").count()) > 0, "the next passes in the sky");
    await page.waitForSelector("#live_state.on");
    const later = done(await plan("corvus", "weilheim", 600)).json;
    await page.waitForSelector(`.timeline a.planned[href="/pass/${later.id}"]`);
    await page.goto(`${api.url}/station`);
    await page.waitForSelector("#live_state.on");
    const site = { latitude: 69.7, longitude: 18.9, description: "Tromsø" };
    done(await api.request("PUT", "/api/station/troll", { token, body: site }));
    await page.getByText("Tromsø").waitFor();
    assert.deepEqual(faults, []);
    await close();
  });
});
