/** Templates, runs, backfills and workers in a real browser: looked at, triggered, paused, cancelled, drained. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { accessible, openBrowser, visit } from "../support/browser.ts";
import { confirmed, goodInEveryLook, picture, visitAs } from "../support/job-pages.ts";
import { putWorker } from "../support/jobs-by-hand.ts";
import { openTemplateRuntime, type TemplateRuntime } from "../support/template-runs.ts";

let api: TemplateRuntime;
let browser: Browser;
const hostile = "<img src=x onerror=alert(1)>";

const readings = `
id: readings
name: "Readings ${hostile}"
description: "Of a day, ${hostile}"
labels: { team: "${hostile}" }
params:
  day: { type: date, required: true, description: "Which day ${hostile}" }
  mode: { values: [fast, exact], default: fast }
  limit: { type: integer }
  dry: { type: boolean, default: false }
  more: { type: json }
schedule: { cron: "0 6 * * *", timezone: Europe/Stockholm, overlap: skip, params: { day: "{{ tick.date }}" } }
tasks:
  - { id: extract, name: "Extract ${hostile}", command: "echo extracted" }
  - { id: clean, command: "true", depends_on: [extract], retries: 2, timeout_secs: 90 }
  - { id: plot, command: "true", depends_on: [extract] }
  - { id: report, command: "true", depends_on: [clean, plot], deadline: 1h }
`;
const slow = `
id: slow
params: { day: { type: date, required: true } }
tasks:
  - { id: first, command: "true" }
  - { id: long, command: "sleep 60", depends_on: [first] }
  - { id: last, command: "true", depends_on: [long] }
`;

before(async () => {
  [api, browser] = await Promise.all([openTemplateRuntime(null), openBrowser()]);
  for (const text of [readings, slow]) assert.equal((await api.store(text)).status, 200);
});
after(async () => {
  await browser.close();
  await api.node.stop();
});

describe("the page of a template", () => {
  it("is triggered by a form of its parameters, refuses what does not fit, and leads to its run", async () => {
    const { page, faults, close } = await visitAs(browser, api.node, "owner", "/template/readings");
    await page.waitForSelector("#live_state.on");
    assert.equal(await page.locator(".task-graph .task").count(), 4);
    assert.equal(await page.locator(".ticks li").count(), 5);
    await page.getByRole("button", { name: "Trigger…" }).click();
    const dialog = page.getByRole("dialog", { name: "Trigger readings?" });
    await accessible(page);
    await dialog.getByLabel("day").fill("2026-01-31");
    await dialog.getByLabel("mode").selectOption("exact");
    await dialog.getByLabel("more").fill("{nonsense");
    await dialog.getByRole("button", { name: "Trigger" }).click();
    await dialog.getByText("more: this is no JSON").waitFor();
    await picture(page, "trigger");
    await dialog.getByLabel("more").fill('{"n": 12345678901234567890}');
    await dialog.getByLabel("limit").fill("12345678901234567890");
    await dialog.getByRole("button", { name: "Trigger" }).click();
    await page.waitForURL(/\/run\/[0-9a-f-]{36}$/);
    await page.locator("main .title .state.success").waitFor();
    await page.locator(".json-number", { hasText: "12345678901234567890" }).first().waitFor();
    assert.match((await page.textContent("main")) ?? "", /4\/4/);
    await page.getByRole("link", { name: "graph and data products" }).click();
    await page.waitForURL(/\/plan\//);
    await page.goBack();
    await page.goto(`${api.node.url}/template/readings`);
    await page.locator(".day.success").first().waitFor();
    await page.locator(".runs .state.success").waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  it("is paused and unpaused by who may, and shows what another does", async () => {
    const owner = await visitAs(browser, api.node, "owner", "/template/readings");
    const stranger = await visit(browser, `${api.node.url}/template`);
    await stranger.page.waitForSelector("#live_state.on");
    await confirmed(owner.page, "Pause", /Its schedule ticks no more/);
    await owner.page.locator("main .title .state.paused").waitFor();
    await owner.page.getByText("Paused: none of these comes.").waitFor();
    await stranger.page.locator("#template-readings .state.paused").waitFor();
    await confirmed(owner.page, "Unpause", /made up for as its policy says/);
    await stranger.page.locator("#template-readings .state.unpaused").waitFor();
    assert.equal(await stranger.page.locator("button").count(), 0);
    await stranger.page.goto(`${api.node.url}/template/readings`);
    assert.equal(await stranger.page.locator("button, dialog").count(), 0);
    await stranger.page.getByText("to trigger it").waitFor();
    assert.deepEqual([...owner.faults, ...stranger.faults], []);
    await owner.close();
    await stranger.close();
    for (const path of ["/template/none", "/component/template/none", "/run/none", "/backfill/none"])
      assert.equal((await api.node.request("GET", path)).status, 404, path);
  });
});

describe("runs", () => {
  it("are listed and filtered, move by themselves, and are cancelled", async () => {
    const runId = await api.trigger("slow", { day: "2026-01-31" });
    const { page, faults, close } = await visitAs(browser, api.node, "owner", "/run?template=slow&state=running");
    await page.locator(`#run-${runId}`).getByText("1/3").waitFor();
    await page.locator(`#run-${runId} a`).first().click();
    await page.locator(".tasks tr", { hasText: "long" }).locator(".state.running").waitFor();
    await page.locator(".tasks tr", { hasText: "long" }).getByRole("link", { name: "its job" }).waitFor();
    await confirmed(page, "Cancel", /The 2 products that are not finished/);
    await page.locator("main .title .state.cancelled").waitFor();
    assert.equal(await page.getByRole("button", { name: "Cancel" }).count(), 0);
    await api.ended(runId, ["cancelled"]);
    await page.goto(`${api.node.url}/run?template=slow&state=running`);
    await page.getByText("No run matches").waitFor();
    assert.deepEqual(faults, []);
    await close();
  });
});

describe("backfills", () => {
  it("are previewed, started, followed and cancelled", async () => {
    const { page, faults, close } = await visitAs(browser, api.node, "owner", "/backfill");
    await page.locator("#backfill_template").selectOption("slow");
    await page.locator("#backfill_from").fill("2026-01-05");
    await page.locator("#backfill_to").fill("2026-01-01");
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByText("the range ends before it begins").waitFor();
    await page.locator("#backfill_to").fill("2026-01-09");
    await page.getByLabel("Runs at once").fill("2");
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByText("5 runs of slow, version 1:").waitFor();
    assert.equal(await page.locator(".preview tbody tr").count(), 5);
    assert.equal((await api.call("GET", "/backfill")).json.length, 0);
    await picture(page, "backfill-preview");
    await page.getByRole("button", { name: "Start 5 runs…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Start" }).click();
    await page.waitForURL(/\/backfill\/[0-9a-f-]{36}$/);
    await page.locator(".backfill-runs .state.running").nth(1).waitFor();
    assert.equal(await page.locator(".backfill-runs .state.waiting").count(), 3);
    await picture(page, "backfill-running");
    await page.goto(`${api.node.url}/backfill`);
    await page.locator(".backfills .progress", { hasText: "0/5" }).waitFor();
    await confirmed(page, "Cancel", /The 3 runs that wait are not started, and the 2 that go on are cancelled/);
    await page.locator(".backfills .state.cancelled").waitFor();
    // The browser itself tells of an answer that is no success.
    assert.deepEqual(
      faults.filter((fault) => !fault.includes("422")),
      [],
    );
    await close();
    const stranger = await visit(browser, `${api.node.url}/backfill`);
    assert.equal(await stranger.page.locator("main button, form.backfill").count(), 0);
    await stranger.page.getByText("to start one").waitFor();
    await stranger.close();
  });
});

describe("workers", () => {
  it("are shown with what they hold, and drained by who may", async () => {
    const { sql } = api.node.runtime.database;
    await putWorker(sql, { name: hostile, held: 1, labels: `{gpu,"${hostile}"}` });
    await putWorker(sql, { name: "gone", agoS: 90 });
    const runId = await api.trigger("slow", { day: "2026-02-01" });
    const { page, faults, close } = await visitAs(browser, api.node, "owner", "/worker");
    await page.locator("tr", { hasText: "gone" }).locator(".state.lost").waitFor();
    const node = page.getByRole("region", { name: "Nodes" }).locator("tbody tr");
    await node.locator(".held a").first().waitFor();
    const worker = page.locator("tr", { hasText: hostile });
    await worker.getByRole("button", { name: "Drain" }).click();
    await picture(page, "drain");
    const dialog = page.getByRole("dialog");
    assert.match((await dialog.textContent()) ?? "", /finishes the 1 that it holds/);
    await dialog.getByRole("button", { name: "Drain" }).click();
    await worker.locator(".state.draining").waitFor();
    assert.equal(await worker.getByRole("button", { name: "Drain" }).count(), 0);
    assert.deepEqual(faults, []);
    await close();
    await api.call("PUT", `/run/${runId}/cancel`);
  });
});

describe("in every look, accessible, without faults, and no wider than the screen", () => {
  const pages: readonly (readonly [name: string, path: string, firstOf?: string])[] = [
    ["templates", "/template"],
    ["template", "/template/readings"],
    ["runs", "/run"],
    ["run", "/run/", "/run?template=readings"],
    ["backfills", "/backfill"],
    ["backfill", "/backfill/", "/backfill"],
    ["workers", "/worker"],
  ];
  for (const [name, path, firstOf] of pages) {
    it(name, async () => {
      const list = firstOf === undefined ? null : (await api.call("GET", firstOf)).json;
      const [first] = list?.rows ?? list ?? [];
      await goodInEveryLook(browser, api.node, "owner", `${path}${first?.id ?? ""}`, name);
    });
  }
});
