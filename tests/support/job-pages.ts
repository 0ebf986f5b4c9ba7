/** What the tests of pages share: signed-in visits, the looks of each, and pictures of them. */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { accessible, type Look, type Visit, visit } from "./browser.ts";
import type { ServiceName, TestRuntime } from "./runtime.ts";
import { signIn } from "./sign-in.ts";

/** A page seen by a service that has signed in. */
export async function visitAs(
  browser: Browser,
  node: Pick<TestRuntime, "url">,
  service: ServiceName | "owner",
  path: string,
  look: Look = {},
): Promise<Visit> {
  const seen = await visit(browser, `${node.url}/sign-in`, look);
  await signIn(seen.page, node.url, service, path);
  return seen;
}

/** Of each width and scheme: no fault, no violation of axe, no wider than the screen. `SCREENSHOTS` names where a picture goes. */
export async function goodInEveryLook(
  browser: Browser,
  node: Pick<TestRuntime, "url">,
  service: ServiceName | "owner",
  path: string,
  name: string,
  ready: (page: Page) => Promise<unknown> = async () => {},
): Promise<void> {
  for (const [widthPx, scheme] of [
    [1280, "light"],
    [390, "dark"],
    [390, "light"],
    [1280, "dark"],
  ] as const) {
    const { page, faults, close } = await visitAs(browser, node, service, path, { widthPx, scheme });
    await page.waitForSelector("#live_state.on");
    await ready(page);
    await accessible(page);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), widthPx, `${path} at ${widthPx} px`);
    await picture(page, `${name}-${widthPx}-${scheme}`);
    assert.deepEqual(faults, []);
    await close();
  }
}

/** A picture of the page, if `SCREENSHOTS` names where they go. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

/** Presses a button of the page, sees what the dialog says, and confirms it. */
export async function confirmed(page: Page, button: string, says: RegExp): Promise<void> {
  await page.getByRole("button", { name: button, exact: true }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await dialog.locator("button.primary:enabled").waitFor();
  assert.match((await dialog.textContent()) ?? "", says);
  await dialog.locator("button.primary").click();
}
