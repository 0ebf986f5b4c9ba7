/** A pass in a real browser: its page moves while packets come in, and ends with its ledger. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { accessible, openBrowser, visit } from "../support/browser.ts";
import { done } from "../support/http.ts";
import { picture } from "../support/job-pages.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";
import { until } from "../support/signal.ts";

let api: TestRuntime;
let browser: Browser;

before(async () => {
  [api, browser] = await Promise.all([openTestRuntime(), openBrowser()]);
  const token = await api.tokenOf("admin");
  done(await api.request("PUT", "/api/ship/aurora-1", { token, body: { format: "ccsds", packets: definition } }));
});
after(async () => {
  await browser.close();
  await api.stop();
});

/** A space packet of 16 bytes: APID 100, one value of 16 bits and 8 bytes of filling. */
function packetOf(sequence: number, value: number): Buffer {
  const packet = Buffer.alloc(16);
  packet.writeUInt16BE(100, 0);
  packet.writeUInt16BE(0xc000 | (sequence & 0x3fff), 2);
  packet.writeUInt16BE(9, 4);
  packet.writeUInt16BE(value, 6);
  return packet;
}

const definition = {
  packets: [
    {
      apid: 100,
      name: "power",
      fields: [
        {
          name: "battery_voltage",
          type: "u16",
          unit: "V",
          calibration: { polynomial: [0, 0.001] },
          limits: { warning: { low: 7, high: 8.5 }, critical: { low: 6, high: 9 } },
        },
      ],
    },
  ],
};

/** Packets from count 1 on, of which the fifth and the sixth are lost on the way. */
function sender(port: number) {
  const socket = createSocket("udp4");
  let sequence = 0;
  return {
    send(value: number): void {
      sequence += sequence === 4 ? 3 : 1;
      socket.send(packetOf(sequence, value), port, "127.0.0.1");
    },
    sendRubbish: () => socket.send(Buffer.from("bad"), port, "127.0.0.1"),
    close: () => socket.close(),
  };
}

async function plan(seconds: number) {
  const body = {
    ship: "aurora-1",
    station: "Kiruna",
    port: "auto",
    aos: new Date().toISOString(),
    duration_s: seconds,
  };
  return done(await api.request("POST", "/api/pass", { token: await api.tokenOf("admin"), body })).json;
}

describe("the page of a pass in a browser", () => {
  it("counts packets as they come, shows values with their limits, and where lost ones went", async () => {
    const pass = await plan(600);
    const { send, sendRubbish, close: stop } = sender(pass.port);
    const { page, faults, close } = await visit(browser, `${api.url}/pass/${pass.id}`);
    await page.waitForSelector(".state.receiving");
    await page.waitForSelector("#live_state.on");
    for (let n = 0; n < 5; n++) send(7500);
    const voltage = page.locator(".values tr", { hasText: "battery_voltage" });
    await voltage.getByText("7.5").waitFor();
    await voltage.locator(".state.normal").waitFor();
    const reception = page.getByRole("region", { name: "Reception" });
    await reception.getByText(/[1-9]\d* at most in the last minute/).waitFor();
    assert.ok((await reception.locator(".rate rect").count()) > 0);
    await reception.getByText("8.39 MB asked").waitFor();
    await picture(page, "pass-live");
    for (let n = 0; n < 5; n++) send(9200);
    await voltage.locator(".state.critical", { hasText: "critical high" }).waitFor();
    sendRubbish();
    await page.getByText("83.33 %: 1 rejected, 1 upstream").waitFor();
    await accessible(page);
    assert.deepEqual(faults, []);
    await close();
    stop();
    done(await api.request("PUT", `/api/pass/${pass.id}/cancel`, { token: await api.tokenOf("admin") }));
  });

  it("ends with its ledger, which the other pages show too", async () => {
    const pass = await plan(6);
    const seen = async () => (await api.request("GET", `/api/pass/${pass.id}`)).json;
    await until("its port is open", async () => (await seen()).state === "receiving");
    const { send, sendRubbish, close: stop } = sender(pass.port);
    for (let n = 0; n < 10; n++) send(7500);
    sendRubbish();
    const { page, faults, close } = await visit(browser, `${api.url}/pass/${pass.id}`);
    await page.waitForSelector("main .title .state.completed", { timeout: 60_000 });
    assert.equal(await page.getByRole("region", { name: "Reception" }).count(), 0, "nothing comes any more");
    assert.match((await page.textContent(".figures")) ?? "", /Stored10/);
    await accessible(page);
    assert.deepEqual(faults, []);
    await close();
    stop();
    for (const path of ["/pass", "/ship/aurora-1", "/"]) {
      const other = await visit(browser, `${api.url}${path}`, { widthPx: 390, scheme: "dark" });
      assert.match((await other.page.textContent("main")) ?? "", /83\.33 %/, path);
      await accessible(other.page);
      assert.equal(await other.page.evaluate(() => document.documentElement.scrollWidth), 390, path);
      await other.close();
    }
  });
});
