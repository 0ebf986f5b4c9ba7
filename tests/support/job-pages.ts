/** What the tests of pages share: signed-in visits, the looks of each, pictures of them, and actions that are confirmed. */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { accessible, heightPx, type Look, type Visit, visit } from "./browser.ts";
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

/** A page as a service sees it, in every look and without a fault. */
export async function goodInEveryLook(
  browser: Browser,
  node: Pick<TestRuntime, "url">,
  service: ServiceName | "owner",
  path: string,
  name: string,
  ready: (page: Page) => Promise<unknown> = async () => {},
): Promise<void> {
  const { page, faults, close } = await visitAs(browser, node, service, path);
  await page.waitForSelector("#live_state.on");
  await ready(page);
  await inEveryLook(page, name);
  assert.deepEqual(faults, []);
  await close();
}

/** From one to the next one thing changes. */
const looks = [
  { widthPx: 1280, scheme: "light" },
  { widthPx: 1280, scheme: "dark" },
  { widthPx: 390, scheme: "dark" },
  { widthPx: 390, scheme: "light" },
] as const satisfies Look[];

/** The page as it is now, in light and dark, wide and narrow: accessible, and no wider than the screen. A picture of each, if wanted. */
export async function inEveryLook(page: Page, name: string): Promise<void> {
  for (const { widthPx, scheme } of looks) {
    await page.setViewportSize({ width: widthPx, height: heightPx });
    await page.emulateMedia({ colorScheme: scheme });
    await fits(page, widthPx);
    await accessible(page);
    await picture(page, `${name}-${widthPx}-${scheme}`);
  }
  await page.setViewportSize({ width: looks[0].widthPx, height: heightPx });
}

/** A plot is drawn anew some time after the size has changed: it is waited for. */
async function fits(page: Page, widthPx: number): Promise<void> {
  const fitting = page.waitForFunction((px) => document.documentElement.scrollWidth === px, widthPx);
  await fitting.catch(async () => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.fail(`${page.url()} is ${wide} px wide on a screen of ${widthPx}`);
  });
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
