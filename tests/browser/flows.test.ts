/** The pages of message flows in a real browser: good in every look, live, paused and resumed, a message run dry. */
import assert from "node:assert/strict";
import { appendFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { openBrowser } from "../support/browser.ts";
import { confirmed, goodInEveryLook, inEveryLook, visitAs } from "../support/job-pages.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";
import { until } from "../support/signal.ts";

/** Of no words that a line could be broken between. */
const longName = `${"x".repeat(180)}.jsonl`;

let dir: string;
let node: TestRuntime;
let browser: Browser;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "orrery-browser-flows-"));
  await mkdir(join(dir, "inbox"));
  await writeFile(
    join(dir, "readings.yaml"),
    `description: Readings of thermometers
source: { kind: jsonl, folder: inbox, poll_s: 0.05 }
input: { type: object, required: [celsius] }
module: readings.ts
attempts: 2
retry: { base_s: 0.01, max_s: 0.01 }
links: { Dashboard: "https://dashboard.example.org/" }
sinks: { archive: { kind: jsonl, folder: out } }
`,
  );
  await writeFile(
    join(dir, "readings.ts"),
    `export default { execute: ({ input }) => { if (input.celsius < -273) throw new Error("below absolute zero"); return { kelvin: input.celsius + 273 }; } };`,
  );
  await writeFile(join(dir, "inbox", longName), "no json\n");
  await writeFile(join(dir, "inbox/a.jsonl"), '{"celsius":20}\n{"celsius":-300}\nno json\n');
  [node, browser] = await Promise.all([openTestRuntime({ config: { flowsDir: dir } }), openBrowser()]);
  await until("all are done with", async () => {
    const { json } = await node.request("GET", "/api/flow/readings/trace?from=store");
    return json.rows.length === 3;
  });
});
after(async () => {
  await browser.close();
  await node.stop();
  await rm(dir, { recursive: true });
});

describe("the pages of flows", () => {
  it("are good in every look", async () => {
    await goodInEveryLook(browser, node, "operator", "/flow", "flows");
    await goodInEveryLook(browser, node, "operator", "/flow/readings", "flow");
    await goodInEveryLook(browser, node, "operator", "/inspect/source/readings/a.jsonl", "source");
    const { page, faults, close } = await visitAs(browser, node, "operator", "/flow/readings/recorder");
    await inEveryLook(page, "recorder");
    await page.getByRole("link", { name: "a.jsonl 15" }).click();
    await page.getByRole("heading", { name: "Tasks" }).waitFor();
    await inEveryLook(page, "trace");
    await page.goto(`${node.url}/flow/readings/trace?partition=${longName}&id=0`);
    await inEveryLook(page, "trace-long");
    await page.goto(`${node.url}/inspect/source/readings/${longName}`);
    await inEveryLook(page, "source-long");
    assert.deepEqual(faults, []);
    await close();
  });

  it("show a message that comes while one looks; the flow is paused and resumed from there", async () => {
    const { page, faults, close } = await visitAs(browser, node, "operator", "/flow/readings");
    await page.waitForSelector("#live_state.on");
    await appendFile(join(dir, "inbox/a.jsonl"), '{"celsius":21}\n');
    await page.getByRole("link", { name: "a.jsonl 40" }).waitFor();
    await confirmed(page, "Pause", /Pause readings\?/);
    await page.locator("h1 + .state.paused").waitFor();
    await confirmed(page, "Resume", /Resume readings\?/);
    await page.locator("h1 + .state.running").waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  it("lead to what the inspector knows of a partition, which moves by itself", async () => {
    const { page, faults, close } = await visitAs(browser, node, "operator", "/flow/readings");
    await page.getByRole("link", { name: "a.jsonl", exact: true }).click();
    await page.getByRole("heading", { name: "Partition a.jsonl" }).waitFor();
    await page.waitForSelector("#live_state.on");
    const taken = async () =>
      Number(/"taken": (\d+)/.exec((await page.locator("#inspect_context").textContent()) ?? "")?.[1]);
    const before = await taken();
    await appendFile(join(dir, "inbox/a.jsonl"), '{"celsius":22}\n');
    await until("it shows one more", async () => (await taken()) === before + 1);
    const step = Number(/\d+/.exec((await page.locator(".where strong").textContent()) ?? "")?.[0]);
    await page.keyboard.press("ArrowLeft");
    await page.getByText(`Step ${step - 1}`, { exact: true }).waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  it("lead from the flight recorder to why a message is dead", async () => {
    const { page, faults, close } = await visitAs(browser, node, "operator", "/flow/readings/recorder");
    await page.getByRole("link", { name: "a.jsonl 15" }).click();
    await page.getByRole("heading", { name: "Why it is a dead letter" }).waitFor();
    assert.match((await page.locator("main").textContent()) ?? "", /task: below absolute zero, after 2 attempts/);
    assert.deepEqual(faults, []);
    await close();
  });

  it("run a message dry, and say what would become of it", async () => {
    const { page, faults, close } = await visitAs(browser, node, "operator", "/flow/readings");
    const said = page.getByLabel("What would become of it");
    const probe = async (text: string, answer: string) => {
      await page.getByRole("textbox", { name: "Message" }).fill(text);
      await page.getByRole("button", { name: "Run dry" }).click();
      await said.getByText(answer).waitFor();
    };
    await probe('{"celsius":5}', "1 task, 1 to sinks");
    assert.match((await said.textContent()) ?? "", /"kelvin": 278/);
    await inEveryLook(page, "probe");
    await probe("nonsense", "It would be a dead letter (decode)");
    assert.deepEqual(faults, []);
    await close();
  });
});
