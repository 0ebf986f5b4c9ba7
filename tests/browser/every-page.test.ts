/**
 * Every page in a real browser, over a mission whose every text is hostile: signed in with every role, in each look. No script of
 * a text runs, nothing is asked of another host, the console stays silent, axe finds nothing, and nothing is wider than the screen.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { openBrowser, type Visit, visit } from "../support/browser.ts";
import { addressesOf, knownPatterns } from "../support/every-page.ts";
import { hostileService } from "../support/hostile.ts";
import { type HostileMission, openHostileMission } from "../support/hostile-mission.ts";
import { inEveryLook } from "../support/job-pages.ts";
import { signInWith } from "../support/sign-in.ts";

let mission: HostileMission;
let browser: Browser;
let seen: Visit;
before(async () => {
  [mission, browser] = await Promise.all([openHostileMission(), openBrowser()]);
  seen = await visit(browser, mission.node.url);
  await signInWith(seen.page, mission.node.url, hostileService);
});
after(async () => {
  await browser?.close();
  await mission?.node.stop();
});

/** What is drawn by a script, before which it is not looked at. */
const drawn: Readonly<Record<string, string>> = { "/plan/:dataset_id": "#graph.drawn", "/ship/:ship": ".plot .uplot" };
/** What does not change, so that it says nothing of being live; the job that is looked at is over, and so are messages. */
const still = [
  "/sign-in",
  "/inspect/machine/:machine",
  "/inspect/job/:id",
  "/flow/:name/trace",
  "/flow/:name/recorder",
];

describe("every page, its every text hostile", () => {
  for (const pattern of knownPatterns.filter((known) => !known.startsWith("/component/"))) {
    it(`${pattern} is accessible, without faults, and fits every screen`, async () => {
      const { page, faults } = seen;
      for (const [i, path] of addressesOf(mission, pattern).entries()) {
        await page.goto(`${mission.node.url}${path}`);
        if (!still.includes(pattern)) await page.waitForSelector("#live_state.on");
        await page.waitForSelector(drawn[pattern] ?? "main");
        await inEveryLook(page, `every${pattern.replaceAll(/[^a-z]+/g, "-")}-${i}`);
        assert.equal(await page.title(), "Orrery");
        assert.equal(await page.locator("img, iframe").count(), 0, path);
        assert.deepEqual(faults.splice(0), [], path);
      }
    });
  }
});
