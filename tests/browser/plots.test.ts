/** A ship's plots in a real browser: drawn by the server, drawn anew to be zoomed into, and moving on as values come. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { buildPacket } from "../../src/ground/ccsds.ts";
import { openBrowser, visit } from "../support/browser.ts";
import { beginPass, type FlownPass, openNodeOfShip } from "../support/flown-pass.ts";
import { inEveryLook } from "../support/job-pages.ts";
import type { TestRuntime } from "../support/runtime.ts";

const definition = {
  packets: [
    {
      apid: 100,
      name: "power",
      time: "clock",
      fields: [
        { name: "clock", type: "cuc", fine_bytes: 2, epoch: "unix" },
        {
          name: "battery_voltage",
          type: "u16",
          unit: "V",
          calibration: { polynomial: [0, 0.001] },
          limits: { watch: { low: 7.2, high: 7.9 } },
        },
        { name: "battery_current", type: "i16", unit: "A", calibration: { polynomial: [0, 0.01] } },
        { name: "<img src=x onerror=alert(1)>".replaceAll(/[^A-Za-z]/g, "_"), type: "u8" },
      ],
    },
  ],
};

let sequence = 0;
function packet(takenMs: number, millivolts: number): Uint8Array {
  const data = Buffer.alloc(11);
  data.writeUInt32BE(Math.floor(takenMs / 1000), 0);
  data.writeUInt16BE(Math.floor((takenMs % 1000) * 65.536), 4);
  data.writeUInt16BE(millivolts, 6);
  data.writeInt16BE(Math.round(100 * Math.sin(sequence / 15)), 8);
  data.writeUInt8(sequence & 0xff, 10);
  return buildPacket({ apid: 100, sequenceCount: sequence++, data });
}

const ship = `plots-${randomUUID().slice(0, 8)}`;
let node: TestRuntime;
let browser: Browser;
let pass: FlownPass;
before(async () => {
  [node, browser] = await Promise.all([openNodeOfShip(ship, definition), openBrowser()]);
  pass = await beginPass(node, ship, 300);
  const nowMs = Date.now();
  const wave = (i: number) => 7600 + Math.round(400 * Math.sin(i / 20));
  await pass.send(Array.from({ length: 300 }, (_, i) => packet(nowMs - 3_000_000 + i * 10_000, wave(i))));
});
after(async () => {
  await browser.close();
  await node.stop();
});

describe("plots in a browser", () => {
  it("are accessible, without errors, and fit every screen", async () => {
    const { page, faults, close } = await visit(browser, `${node.url}/ship/${ship}`);
    await page.locator(".plot .uplot").nth(1).waitFor({ timeout: 20_000 });
    await inEveryLook(page, "ship");
    assert.deepEqual(faults, []);
    await close();
  });

  it("are there without a script", async () => {
    const { page, faults, close } = await visit(browser, `${node.url}/ship/${ship}?plot=battery_voltage&span=1h`, {
      javaScript: false,
    });
    assert.equal(await page.locator(".plot svg .line").count(), 1);
    assert.match((await page.textContent(".plot .said")) ?? "", /^from 7\.2\S* to 8$/);
    if (process.env.SCREENSHOTS !== undefined)
      await page.screenshot({ path: `${process.env.SCREENSHOTS}/ship-no-script.png`, fullPage: true });
    await page.locator(".picker summary").click();
    await page.getByLabel("battery_current").check();
    await page.getByRole("button", { name: "Plot them" }).click();
    assert.equal(await page.locator(".plot svg .line").count(), 2);
    assert.deepEqual(faults, []);
    await close();
  });

  it("go on as values come, are zoomed into by dragging, with finer values from the server, and out by a double click", async () => {
    const { page, faults, close } = await visit(browser, `${node.url}/ship/${ship}?plot=battery_voltage`);
    await page.locator(".plot .uplot").waitFor({ timeout: 20_000 });
    await pass.send([packet(Date.now(), 9100)]);
    await page.waitForFunction(() => document.querySelector(".plot .said")?.textContent?.endsWith("9.1"), null, {
      timeout: 20_000,
    });
    const asked = page.waitForRequest(/history\?start=/);
    const box = await page.locator(".plot .u-over").boundingBox();
    assert.ok(box !== null);
    await page.mouse.move(box.x + box.width * 0.3, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 45, { steps: 5 });
    await page.mouse.up();
    const query = new URL((await asked).url()).searchParams;
    const spanMs = Date.parse(query.get("end") ?? "") - Date.parse(query.get("start") ?? "");
    assert.ok(Math.abs(spanMs - 720_000) < 60_000, `${spanMs} ms`);
    await page.waitForFunction(() => !document.querySelector(".plot .said")?.textContent?.endsWith("9.1"));
    await page.mouse.dblclick(box.x + 100, box.y + 50);
    await page.waitForFunction(() => document.querySelector(".plot .said")?.textContent?.endsWith("9.1"));
    assert.deepEqual(faults, []);
    await close();
  });
});
