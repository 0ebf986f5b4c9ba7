/** A real browser for a test: whatever goes wrong in a page, or leaves this machine, is remembered and fails the test. */
import assert from "node:assert/strict";
import axe from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";

/** Debian's, unless the environment names another. */
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

export const heightPx = 900;

export interface Look {
  readonly widthPx?: 1280 | 390;
  readonly scheme?: "light" | "dark";
  readonly javaScript?: boolean;
  readonly timezoneId?: string;
}

export interface Visit {
  readonly page: Page;
  /** Errors of the console and of the page, its policy's included, requests to other hosts, and what a script would ask by `alert`. */
  readonly faults: string[];
  close(): Promise<void>;
}

export const openBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });

export async function visit(browser: Browser, url: string, look: Look = {}): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width: look.widthPx ?? 1280, height: heightPx },
    colorScheme: look.scheme ?? "light",
    javaScriptEnabled: look.javaScript ?? true,
    reducedMotion: "reduce",
    ...(look.timezoneId !== undefined && { timezoneId: look.timezoneId }),
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("dialog", (dialog) => {
    faults.push(`${dialog.type()}: ${dialog.message()}`);
    void dialog.dismiss();
  });
  const { host } = new URL(url);
  page.on("request", (request) => {
    if (new URL(request.url()).host !== host) faults.push(`request to ${request.url()}`);
  });
  await page.goto(url);
  return { page, faults, close: () => context.close() };
}

/** No violation of any rule that axe-core knows, by the axe object itself: our policy forbids its script in the page. */
export async function accessible(page: Page): Promise<void> {
  // By evaluate, which the page's policy does not apply to.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    // Put there by the line above.
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: AxeViolation[] }> } };
    interface AxeViolation {
      id: string;
      nodes: { html: string; failureSummary?: string }[];
    }
    return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
  });
  assert.deepEqual(violations, []);
}
