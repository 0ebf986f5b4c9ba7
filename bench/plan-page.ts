// Question (P13): how long until the page of a plan of 1,000 products is painted in the browser, until its graph is drawn, and until a
// change is shown after its commit? And with 10,000 products: is the tab ever frozen?
// Method: a node on the embedded store, Debian's Chromium, a fresh browser context a round (assets not cached). Painted: the browser's own
// first-contentful-paint. A change: one product is reported; from the moment its answer is here (so it is committed) until the row in the
// page has changed and a frame was drawn. Frozen: the longest task of the page's thread while it loads and while it is updated.
// What would flatter it: an idle machine, and a node in memory; the plan is resident, as it is while somebody works on it.
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { chromium, type Page } from "playwright-core";
import { median } from "./measure/median.ts";
import { type MeasuredNode, startNode } from "./measure/node.ts";

const { values: flags } = parseArgs({
  options: { smoke: { type: "boolean", default: false }, rounds: { type: "string", default: "3" } },
});
const rounds = flags.smoke ? 1 : Number(flags.rounds);
const sizes = flags.smoke ? [100] : [1000, 10_000];
const updates = flags.smoke ? 3 : 20;

const node = await startNode(null);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
try {
  for (const size of sizes) {
    const plan = await publish(node, size);
    for (let round = 1; round <= rounds; round++)
      console.log(JSON.stringify({ size, round, ...(await look(plan, round)) }));
  }
} finally {
  await browser.close();
  await node.stop();
}

/** Stages of up to 100 products; each waits for two of the stage before. */
async function publish({ url, token }: MeasuredNode, size: number): Promise<{ datasetId: string; ids: string[] }> {
  const datasetId = randomUUID();
  const ids = Array.from({ length: size }, () => randomUUID());
  const wide = Math.min(100, Math.ceil(size / 10));
  const body = {
    dataset: { id: datasetId },
    data_products: ids.map((id, n) => ({
      ...{ id, compute: "cams", name: `stage${Math.floor(n / wide)}_part_${n % wide}`, version: "1.0", eager: true },
    })),
    dependencies: ids.flatMap((child_id, n) => {
      if (n < wide) return [];
      const before = (Math.floor(n / wide) - 1) * wide;
      return [n % wide, (n * 7 + 1) % wide]
        .filter((parent, i, all) => all.indexOf(parent) === i)
        .map((parent) => ({ parent_id: ids[before + parent], child_id }));
    }),
  };
  const answer = await fetch(`${url}/api/plan`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`Cannot publish: ${answer.status} ${await answer.text()}`);
  return { datasetId, ids };
}

async function look({ datasetId, ids }: { datasetId: string; ids: string[] }, round: number) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
  const page = await context.newPage();
  await page.addInitScript(() => {
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) tasks.push(duration);
    }).observe({ type: "longtask", buffered: true });
    const tasks: number[] = [];
    Object.assign(globalThis, { tasks });
  });
  await page.goto(`${node.url}/plan/${datasetId}`, { waitUntil: "commit" });
  await page.waitForSelector("#graph.drawn", { timeout: 60_000 });
  const drawnMs = await page.evaluate(() => performance.now());
  await page.waitForSelector("#live_state.on");
  const paintedMs = await page.evaluate(
    () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
  );
  const answeredMs = await page.evaluate(
    () =>
      performance.getEntriesByType("navigation").map((entry) => (entry as PerformanceNavigationTiming).responseEnd)[0],
  );
  const loadTaskMs = await longestTask(page);
  const shown: number[] = [];
  for (let n = 0; n < updates; n++) shown.push(await update(page, datasetId, ids[n % 50] ?? "", n + round));
  await page.waitForTimeout(2500); // what follows when changes pause
  const updateTaskMs = await longestTask(page);
  await context.close();
  const rounded = (value: number): number => Math.round(value);
  return {
    ...{
      answeredMs: rounded(answeredMs ?? Number.NaN),
      paintedMs: rounded(paintedMs),
      drawnMs: rounded(drawnMs),
      longestTaskLoadMs: rounded(loadTaskMs),
    },
    ...{ shownMedianMs: rounded(median(shown)), shownMaxMs: rounded(Math.max(...shown)) },
    longestTaskUpdateMs: rounded(updateTaskMs),
  };
}

async function longestTask(page: Page): Promise<number> {
  return page.evaluate(() => {
    const { tasks } = globalThis as unknown as { tasks: number[] };
    return Math.max(0, ...tasks.splice(0));
  });
}

/** What `n` is odd for was even the round before, so that each report is a change. Milliseconds from the answer of the report to a frame that shows it; both processes have one clock. */
async function update(page: Page, datasetId: string, id: string, n: number): Promise<number> {
  const state = n % 2 === 0 ? "running" : "failed";
  const seen = page.evaluate(
    ([row, wanted]) =>
      new Promise<number>((resolve) => {
        const look = (): void => {
          if (document.getElementById(row)?.dataset.state !== wanted) requestAnimationFrame(look);
          else requestAnimationFrame(() => resolve(Date.now()));
        };
        look();
      }),
    [`product-${id}`, state] as const,
  );
  const answer = await fetch(`${node.url}/api/data_product/${datasetId}/update`, {
    method: "PUT",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${node.token}` },
    body: JSON.stringify([{ id, state }]),
  });
  const committedMs = Date.now();
  if (!answer.ok) throw new Error(`Cannot update: ${answer.status} ${await answer.text()}`);
  return Math.max(0, (await seen) - committedMs);
}
