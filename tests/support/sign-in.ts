/** Signs a browser in at the pages, as a person does. */
import type { Page } from "playwright-core";
import type { ServiceName } from "./runtime.ts";

/** Ends at `next`, a path of ours. */
export const signIn = (page: Page, baseUrl: string, service: ServiceName | "owner", next = "/"): Promise<void> =>
  signInWith(page, baseUrl, { name: service, key: `${service}-key` }, next);

export async function signInWith(
  page: Page,
  baseUrl: string,
  { name, key }: { readonly name: string; readonly key: string },
  next = "/",
): Promise<void> {
  await page.goto(`${baseUrl}/sign-in?${new URLSearchParams({ next })}`);
  await page.fill("input[name=key]", key);
  await page.fill("input[name=service]", name);
  await page.click("main button[type=submit]");
  await page.waitForURL(`${baseUrl}${next}`);
}
