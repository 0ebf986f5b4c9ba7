/** A stock Open MCT in a real browser, served by us: it lists the ships, plots what was and what comes, and keeps to our server. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { buildPacket } from "../../src/ground/ccsds.ts";
import { openBrowser, visit } from "../support/browser.ts";
import { beginPass } from "../support/flown-pass.ts";
import { done } from "../support/http.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";

const ship = `mct-${randomUUID().slice(0, 8)}`;
const definition = {
  packets: [
    {
      apid: 100,
      name: "power",
      time: "clock",
      fields: [
        { name: "clock", type: "cuc", fine_bytes: 2, epoch: "unix" },
        { name: "battery_voltage", type: "u16", unit: "V", calibration: { polynomial: [0, 0.001] } },
      ],
    },
  ],
};

let sequence = 0;
function packet(takenMs: number, millivolts: number): Uint8Array {
  const data = Buffer.alloc(8);
  data.writeUInt32BE(Math.floor(takenMs / 1000), 0);
  data.writeUInt16BE(Math.floor((takenMs % 1000) * 65.536), 4);
  data.writeUInt16BE(millivolts, 6);
  return buildPacket({ apid: 100, sequenceCount: sequence++, data });
}

let node: TestRuntime;
let browser: Browser;
before(async () => {
  [node, browser] = await Promise.all([
    openTestRuntime({ config: { configDir: join(import.meta.dirname, "../..") } }),
    openBrowser(),
  ]);
});
after(async () => {
  await browser.close();
  await node.stop();
});

/** How many pixels of the plot's line there are, by its colour. */
const drawnPixels = (page: Page): Promise<number> =>
  page.evaluate(() => {
    let drawn = 0;
    for (const canvas of document.querySelectorAll<HTMLCanvasElement>(".gl-plot canvas")) {
      const copy = document.createElement("canvas");
      copy.width = canvas.width;
      copy.height = canvas.height;
      const context = copy.getContext("2d");
      if (context === null || canvas.width === 0) continue;
      context.drawImage(canvas, 0, 0);
      const { data } = context.getImageData(0, 0, copy.width, copy.height);
      for (let i = 3; i < data.length; i += 4) if ((data[i] ?? 0) > 0) drawn += 1;
    }
    return drawn;
  });

describe("Open MCT in a browser", () => {
  it("lists the ships, plots the history of a parameter, and its values as they come", async () => {
    const token = await node.tokenOf("publisher");
    done(await node.request("PUT", `/api/ship/${ship}`, { token, body: { format: "ccsds", packets: definition } }));
    const pass = await beginPass(node, ship, 40);
    const nowMs = Date.now();
    const wave = (i: number) => 7500 + Math.round(500 * Math.sin(i / 20));
    await pass.send(Array.from({ length: 300 }, (_, i) => packet(nowMs - 600_000 + i * 2000, wave(i))));

    const point = `#/browse/orrery:ships/orrery:${ship}/orrery:${ship}~battery_voltage`;
    const time = "tc.mode=local&tc.startDelta=900000&tc.endDelta=30000&tc.timeSystem=utc&view=plot-single";
    const { page, faults, close } = await visit(browser, `${node.url}/openmct/${point}?${time}`);
    await page.locator(".l-browse-bar__object-name", { hasText: "battery_voltage" }).waitFor({ timeout: 60_000 });
    await page.locator(".gl-plot canvas").first().waitFor({ timeout: 30_000 });
    const deadlineMs = Date.now() + 20_000;
    while ((await drawnPixels(page)) < 300 && Date.now() < deadlineMs) await page.waitForTimeout(200);
    assert.ok((await drawnPixels(page)) >= 300, "no line of the history");

    // Values above all before come by the socket, and the plot makes room for them.
    const nine = page.locator(".gl-plot-y-tick-label", { hasText: /^\s*9/ });
    assert.equal(await nine.count(), 0);
    for (let i = 0; i < 5; i++) {
      await pass.send([packet(Date.now(), 9000 + i * 50)]);
      await page.waitForTimeout(400);
    }
    await nine.first().waitFor({ timeout: 20_000 });
    if (process.env.SCREENSHOTS !== undefined)
      await page.screenshot({ path: join(process.env.SCREENSHOTS, "openmct.png") });
    assert.deepEqual(
      faults.filter((fault) => !ownNoise.test(fault)),
      [],
    );
    await close();
  });

  it("is told of by a page that says how to install it, where it is not", async () => {
    const bare = await openTestRuntime();
    const answer = await bare.request("GET", "/openmct/");
    assert.equal(answer.status, 404);
    assert.match(answer.text, /npm install openmct/);
    await bare.stop();
  });
});

/** What Open MCT says by itself: warnings of its own code and of its drawing. */
const ownNoise = /GPU stall|GL Driver|deprecated|Vue warn/i;
