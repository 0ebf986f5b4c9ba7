/** Alarms in a real browser: they show by themselves on the pages of their ship, their pass and all of them, and are acknowledged there. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { buildPacket } from "../../src/ground/ccsds.ts";
import { openBrowser, visit } from "../support/browser.ts";
import { done } from "../support/http.ts";
import { goodInEveryLook, picture, visitAs } from "../support/job-pages.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";

let api: TestRuntime;
let browser: Browser;
let passId = "";
let port = 0;
const socket = createSocket("udp4");
const nasty = `<img src=x onerror="document.title='pwned'">`;

before(async () => {
  [api, browser] = await Promise.all([openTestRuntime(), openBrowser()]);
  const token = await api.tokenOf("admin");
  const field = (name: string) => ({ name, type: "u16", limits: { critical: { high: 100 } } });
  const packets = [{ apid: 100, name: "power", fields: [field("voltage"), field("current")] }];
  done(await api.request("PUT", "/api/ship/aurora", { token, body: { format: "ccsds", packets: { packets } } }));
  const body = { ship: "aurora", port: "auto", aos: new Date().toISOString(), duration_s: 1800 };
  ({ id: passId, port } = done(await api.request("POST", "/api/pass", { token, body })).json);
  repeating = setInterval(() => send(...values), 1000);
});
after(async () => {
  clearInterval(repeating);
  socket.close();
  await browser.close();
  await api.stop();
});

let sequence = 0;
let values: readonly [voltage: number, current: number] = [50, 50];
/** Sent again each second: a pass that is silent for half a minute is an alarm of its own. */
let repeating: ReturnType<typeof setInterval>;

function send(voltage: number, current: number): void {
  values = [voltage, current];
  const data = Buffer.alloc(4);
  data.writeUInt16BE(voltage, 0);
  data.writeUInt16BE(current, 2);
  socket.send(buildPacket({ apid: 100, sequenceCount: sequence++, data }), port, "127.0.0.1");
}

describe("alarms in a browser", () => {
  it("show as they are raised, are acknowledged under the viewer's name, and go when they are over", async () => {
    const pass = await visitAs(browser, api, "operator", `/pass/${passId}`);
    await pass.page.locator("main .title .state.receiving").waitFor();
    const ship = await visitAs(browser, api, "operator", "/ship/aurora");
    const all = await visitAs(browser, api, "operator", "/alarm");
    await all.page.getByText("Nothing wants your eyes").waitFor();
    send(200, 50);
    for (const { page } of [pass, ship, all]) {
      const row = page.locator(".alarms tbody tr", { hasText: "voltage" });
      await row.locator(".state.critical").waitFor();
      await row.getByText("value 200, limit critical high").waitFor();
      await row.getByText("still so").waitFor();
    }
    await picture(all.page, "alarm");

    const { page } = ship;
    await page.getByRole("button", { name: "Acknowledge" }).click();
    const dialog = page.getByRole("dialog");
    const confirm = dialog.getByRole("button", { name: "Acknowledge" });
    assert.match((await dialog.textContent()) ?? "", /critical: voltage out of its limits, aurora/);
    assert.ok(await confirm.isDisabled(), "nothing is said yet");
    await dialog.getByLabel("What was seen, or done").fill("   ");
    assert.ok(await confirm.isDisabled(), "blanks say nothing");
    await dialog.getByLabel("What was seen, or done").fill(nasty);
    await picture(page, "alarm-acknowledge");
    await confirm.click();
    for (const seen of [pass, ship, all]) {
      const row = seen.page.locator(".alarms tbody tr", { hasText: "voltage" });
      await row.getByText(nasty).waitFor();
      await row.getByText(/^operator/).waitFor();
      assert.equal(await seen.page.getByRole("button", { name: "Acknowledge" }).count(), 0);
    }
    send(50, 50);
    for (const seen of [pass, ship, all]) {
      await seen.page.locator(".alarms tbody tr", { hasText: "voltage" }).waitFor({ state: "detached" });
      assert.equal(await seen.page.title(), "Orrery");
      assert.deepEqual(seen.faults, []);
      await seen.close();
    }
  });

  it("are acknowledged once: whoever comes second is told who did", async () => {
    send(50, 300);
    const [one, other] = [
      await visitAs(browser, api, "operator", "/alarm"),
      await visitAs(browser, api, "operator", "/alarm"),
    ];
    for (const { page } of [one, other]) {
      await page.getByRole("button", { name: "Acknowledge" }).click();
      await page.getByRole("dialog").getByRole("textbox").fill("seen");
    }
    await one.page.getByRole("dialog").getByRole("button", { name: "Acknowledge" }).click();
    await one.page.getByRole("dialog").waitFor({ state: "detached" });
    await other.page.getByRole("dialog").getByRole("button", { name: "Acknowledge" }).click();
    await other.page.getByRole("alert").getByText("operator").waitFor();
    await one.close();
    await other.close();
  });

  it("tell when they were raised: how long ago, and on hover exactly, in UTC and by the reader's clock", async () => {
    const { page, close } = await visit(browser, `${api.url}/alarm?state=all`, { timezoneId: "Asia/Kolkata" });
    const raised = page.locator(".alarms time").first();
    assert.match((await raised.getAttribute("title")) ?? "", /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC$/);
    await raised.hover();
    assert.match((await raised.getAttribute("title")) ?? "", / UTC\n.*GMT\+5:30/);
    await close();
  });

  it("are filtered and kept in the address, and told to who may not acknowledge them, also without JavaScript", async () => {
    const { page, faults, close } = await visit(browser, `${api.url}/alarm`, { javaScript: false });
    await page.selectOption("select[name=state]", "all");
    await page.fill("input[name=ship]", "aurora");
    await page.getByRole("button", { name: "Filter" }).click();
    assert.match(page.url(), /ship=aurora/);
    assert.equal(await page.locator(".alarms tbody tr").count(), 2);
    await page.selectOption("select[name=severity]", "watch");
    await page.getByRole("button", { name: "Filter" }).click();
    await page.getByText("No alarm matches").waitFor();
    assert.deepEqual(faults, []);
    await close();
    send(400, 50);
    const stranger = await visit(browser, `${api.url}/ship/aurora`);
    await stranger.page.getByRole("link", { name: "Sign in" }).last().waitFor();
    await stranger.page.locator(".alarms", { hasText: "not yet" }).waitFor();
    await stranger.page.getByText("Sign in to acknowledge an alarm").waitFor();
    assert.equal(await stranger.page.getByRole("button", { name: "Acknowledge" }).count(), 0);
    await stranger.close();
  });

  it("are good in every look", () => goodInEveryLook(browser, api, "operator", "/alarm?state=all", "alarms"));
});
