/**
 * Makes docs/screenshots anew: flies the example mission on a store of its own, lets a second pass receive, and takes pictures of the
 * main pages in Chromium, in light and dark. `bun scripts/screenshots.ts [folder]`
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashSync } from "bcryptjs";
import type { Page } from "playwright-core";
import { loadConfig } from "../src/config.ts";
import { exampleShip, runExample } from "../src/example.ts";
import { sendSimulation } from "../src/ground/sim-sender.ts";
import { roles } from "../src/model/service.ts";
import { open, type Runtime } from "../src/runtime.ts";
import { openBrowser, visit } from "../tests/support/browser.ts";
import { freshTle } from "../tests/support/fresh-tle.ts";
import { done } from "../tests/support/http.ts";
import { requester } from "../tests/support/runtime.ts";
import { signInWith } from "../tests/support/sign-in.ts";
import { until } from "../tests/support/signal.ts";

const folder = process.argv[2] ?? join(import.meta.dirname, "..", "docs", "screenshots");
const operator = { name: "operator", key: "operator-key" };
const heightPx = 860;

const dataDir = await mkdtemp(join(tmpdir(), "orrery-screenshots-"));
const remoteApis = JSON.stringify([{ service: operator.name, hash: hashSync(operator.key, 4), roles }]);
const env = { SECRET_KEY: "of these screenshots only", REMOTE_APIS: remoteApis, LOG_LEVEL: "error" };
const runtime = await open(loadConfig({ env, flags: { port: 0, data: dataDir, example: true }, cwd: dataDir }));
const stopSending = new AbortController();
try {
  await mkdir(folder, { recursive: true });
  await runExample(runtime);
  await takeAll(runtime.url ?? "", await prepare(runtime));
} finally {
  stopSending.abort();
  await runtime.stop();
  await rm(dataDir, { recursive: true, force: true });
}

interface Shown {
  readonly datasetId: string;
  readonly productId: string;
  readonly passId: string;
}

/** What a mission has beside one pass: stations, an orbit, passes to come, jobs, and a pass that receives now. */
async function prepare({ url, auth }: Runtime): Promise<Shown> {
  const request = requester(url ?? "");
  const token = auth.issue(operator.name).access_token;
  const call = async (method: string, path: string, body?: unknown) =>
    done(await request(method, `/api${path}`, { token, body })).json;

  const [first] = (await call("GET", "/pass")).rows;
  const plan = await call("GET", `/plan/${first.dataset_id}`);
  const product = plan.data_products.find(({ name }: { name: string }) => name === "battery-health");
  await call("PUT", "/ship/demo/tle", { tle: freshTle() });
  for (const ship of ["aurora", "borealis"]) await call("PUT", `/ship/${ship}`, { format: "raw" });
  const mask = [
    [0, 4],
    [90, 11],
    [180, 3],
    [270, 16],
  ];
  await call("PUT", "/station/kiruna", {
    latitude: 67.857,
    longitude: 20.964,
    height_m: 402,
    description: "Esrange",
    mask,
  });
  for (const [ship, station, minutes] of [
    ["aurora", "kiruna", 25],
    ["borealis", "svalbard", 70],
    ["demo", "kiruna", 140],
    ["aurora", "svalbard", 190],
    ["borealis", "weilheim", 430],
    ["demo", "weilheim", 270],
    ["aurora", "weilheim", 590],
  ] as const) {
    const aos = new Date(Date.now() + minutes * 60_000).toISOString();
    await call("POST", "/pass", { ship, station, aos, duration_s: 720 });
  }
  for (let n = 0; n < 40; n++)
    await call("POST", "/job", { job_type: "demo-delivery", payload: { what: `scene ${n}` } });
  await call("POST", "/job", { job_type: "render", queue: "pictures", payload: { scene: 7 }, delay_s: 900 });
  await call("POST", "/template/hello/trigger", { params: { ship: "AURORA-1" } });

  const aosMs = Date.now() + 3000;
  const aos = new Date(aosMs).toISOString();
  const pass = await call("POST", "/pass", { ship: "demo", station: "kiruna", aos, duration_s: 600 });
  const seen = async () => await call("GET", `/pass/${pass.id}`);
  await until("receiving", async () => (await seen()).state === "receiving", 20_000);
  void sendSimulation({
    ...{ host: "127.0.0.1", ports: [(await seen()).port], ships: [exampleShip(aosMs)] },
    ...{ ratePerS: 60, seconds: 500, signal: stopSending.signal },
  });
  await until("packets came", async () => ((await seen()).counters?.stored ?? 0) > 1200, 60_000);
  return { datasetId: first.dataset_id, productId: product.id, passId: pass.id };
}

async function takeAll(url: string, { datasetId, productId, passId }: Shown): Promise<void> {
  const browser = await openBrowser();
  try {
    const { page, faults } = await visit(browser, url);
    await signInWith(page, url, operator);
    const pages: readonly (readonly [name: string, path: string, ready: string])[] = [
      ["plan", `/plan/${datasetId}`, "#graph.drawn"],
      ["pass", `/pass/${passId}`, "#live_state.on"],
      ["passes", "/pass", "#live_state.on"],
      ["ship", "/ship/demo?span=10m", ".plot .uplot"],
      ["jobs", "/job", "#live_state.on"],
      ["inspect", `/inspect/product/${datasetId}/${productId}`, "#live_state.on"],
    ];
    for (const [name, path, ready] of pages) {
      for (const scheme of ["light", "dark"] as const) {
        await show(page, `${url}${path}`, 1280, scheme);
        await page.waitForSelector(ready);
        if (name === "ship") await page.evaluate(() => document.getElementById("plots_block")?.scrollIntoView());
        await take(page, `${name}-1280-${scheme}`);
      }
    }
    for (const [name, path, scheme] of [
      ["plan", `/plan/${datasetId}?product=${productId}`, "light"],
      ["pass", `/pass/${passId}`, "dark"],
    ] as const) {
      await show(page, `${url}${path}`, 390, scheme);
      await page.waitForSelector("#live_state.on");
      await take(page, `${name}-390-${scheme}`);
    }
    if (faults.length > 0) throw new Error(`The pages had faults: ${faults.join("; ")}`);
  } finally {
    await browser.close();
  }
}

/** Loaded in its look, as a reader's browser does it. */
async function show(page: Page, url: string, widthPx: number, scheme: "light" | "dark"): Promise<void> {
  await page.setViewportSize({ width: widthPx, height: heightPx });
  await page.emulateMedia({ colorScheme: scheme });
  await page.goto(url);
}

async function take(page: Page, name: string): Promise<void> {
  await page.waitForFunction(() => document.querySelectorAll(".plot .canvas:not(:has(.uplot))").length === 0);
  // What was just put there is painted by the second frame.
  await page.evaluate(() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen))));
  await page.screenshot({ path: join(folder, `${name}.png`) });
  console.log(`${name}.png`);
}
