/** Signs a browser in at the pages, as a person does. */
import type { Page } from "playwright-core";
import type { ServiceName } from "./runtime.ts";

/** Ends at `next`, a path of ours. */
export async function signIn(page: Page, baseUrl: string, service: ServiceName | "owner", next = "/"): Promise<void> {
  await page.goto(`${baseUrl}/sign-in?${new URLSearchParams({ next })}`);
  await page.fill("input[name=key]", `${service}-key`);
  await page.fill("input[name=service]", service);
  await page.click("main button[type=submit]");
  await page.waitForURL(`${baseUrl}${next}`);
}
