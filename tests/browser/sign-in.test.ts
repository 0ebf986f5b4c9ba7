/** Signing in and out in a real browser: the cookie is kept, the page says who is signed in, and leads back to where one came from. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { openBrowser, visit } from "../support/browser.ts";
import { inEveryLook } from "../support/job-pages.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";

let api: TestRuntime;
let browser: Browser;
before(async () => {
  [api, browser] = await Promise.all([openTestRuntime(), openBrowser()]);
});
after(async () => {
  await browser.close();
  await api.stop();
});

describe("signing in with a browser", () => {
  it("is accessible in every look, a refused key included", async () => {
    const { page, faults, close } = await visit(browser, `${api.url}/sign-in`);
    await inEveryLook(page, "sign-in");
    await page.fill("input[name=key]", "orr_nonsense");
    await page.click("main button[type=submit]");
    await page.getByRole("alert").waitFor();
    await inEveryLook(page, "sign-in-refused");
    // The browser itself tells of an answer that is no success.
    assert.deepEqual(
      faults.filter((fault) => !fault.includes("403")),
      [],
    );
    await close();
  });

  it("leads back to the page, is kept over pages without JavaScript too, and ends", async () => {
    for (const javaScript of [true, false]) {
      const { page, faults, close } = await visit(browser, `${api.url}/pass`, { javaScript });
      await page.getByRole("link", { name: "Sign in" }).click();
      await page.fill("input[name=key]", "operator-key");
      await page.fill("input[name=service]", "operator");
      await page.click("main button[type=submit]");
      await page.waitForURL(`${api.url}/pass`);
      await page.getByText("operator", { exact: true }).waitFor();
      await page.goto(api.url);
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("link", { name: "Sign in" }).waitFor();
      assert.deepEqual(faults, []);
      await close();
    }
  });
});
