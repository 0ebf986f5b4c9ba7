/** A node is killed while it adds packets to a pass, at one moment and another: the pass is the old one or the new one, whole, and the same again ends it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { hashSync } from "bcryptjs";
import type { Service } from "../src/model/service.ts";
import { type DatabasePlace, makeDatabasePlace } from "./support/database.ts";
import { addPackets, flyWhole, latePackets, packets } from "./support/late-pass.ts";
import { startAt } from "./support/place-node.ts";
import type { OrreryProcess } from "./support/process.ts";
import { requester, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const owner: Service = { service: "owner", hash: hashSync("owner-key", 4), roles: ["publish", "admin"] };
/** Long enough to be killed in the middle of: to read, write and decode so many takes a second. */
const received = 8_000;
/** While it reads, writes, decodes, or about the commit: it depends on the machine. */
const killedAfterMs = [20, 150, 400, 900];
const lostEach = 50;
/** A kill may leave a job that renews the plan leased to the dead node for 30 s: only then does the next one run it. */
const renewedMsMax = 90_000;

describe("a node that is killed while packets are added to a pass", () => {
  let place: DatabasePlace;
  let node: OrreryProcess;
  let url: string;
  let request: TestRuntime["request"];
  let token: string;
  before(async () => {
    place = await makeDatabasePlace();
    await start();
  });
  after(async () => {
    node.signal("SIGKILL");
    await node.ended;
    await place.remove();
  });

  async function start(): Promise<void> {
    ({ node, url } = await startAt(place, [owner]));
    request = requester(url);
    const login = await request("POST", "/api/authenticate", { body: { service: "owner", key: "owner-key" } });
    token = login.json.access_token;
  }

  const call = (method: string, path: string, body?: unknown, headers = {}) =>
    request(method, `/api${path}`, { token, body, headers });

  const read = async (passId: string) => (await call("GET", `/pass/${passId}`)).json;

  /** Its row, its files and its ledger fit together. Returns how many packets there are. */
  async function whole(passId: string): Promise<number> {
    const { archive, ledger } = await read(passId);
    const bytes = await readFile(archive.path);
    assert.equal(createHash("sha256").update(bytes).digest("hex"), archive.sha256);
    assert.deepEqual([archive.packets, bytes.length], [ledger.stored, archive.size_bytes]);
    const csv = await call("GET", `/pass/${passId}/export?format=csv`);
    assert.equal(csv.text.split("\r\n").length - 2, ledger.stored);
    const digest = createHash("sha256").update(csv.text).digest("hex");
    assert.equal(csv.headers.get("etag"), `"${digest}"`);
    return ledger.stored;
  }

  it("leaves the old pass or the new one, and ends by the same again; its plan is renewed once for each", async () => {
    const template =
      "id: gated\ntasks:\n  - { id: power, command: [cat], require: { completeness: 1, apids: [100] } }\n";
    assert.equal((await call("POST", "/template", template, { "Content-Type": "application/yaml" })).status, 200);
    const ship = `late-${Date.now()}`;
    await call("PUT", `/ship/${ship}`, { format: "ccsds", packets: latePackets });
    const lost = killedAfterMs.map((_, i) => packets(100, 100 + i * 1000, 100 + i * 1000 + lostEach));
    const missing = new Set(lost.flat().map((one) => Buffer.from(one).toString("hex")));
    const all = packets(100, 0, received + missing.size);
    const passId = await flyWhole(
      call,
      { ship, template: "gated", duration_s: 12, drain_margin_s: 1 },
      all.filter((one) => !missing.has(Buffer.from(one).toString("hex"))),
      { aheadMs: 300, triesMax: 3, endMs: 60_000 },
    );
    assert.equal(await whole(passId), received);

    let stored = received;
    let before = 0;
    for (const [i, afterMs] of killedAfterMs.entries()) {
      const part = lost[i] ?? [];
      const answer = addPackets(url, passId, part, token).catch(() => null);
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      node.signal("SIGKILL");
      await node.ended;
      const told = await answer;
      await start();
      const now = await whole(passId);
      assert.ok(now === stored || now === stored + lostEach, `${now} of ${stored}`);
      if (now === stored) before += 1;
      // Acknowledged means durable.
      if (told?.status === 200) assert.equal(now, stored + lostEach);
      const again = await addPackets(url, passId, part, token);
      assert.equal(again.json.stored, stored + lostEach - now, again.text);
      stored += lostEach;
      assert.equal(await whole(passId), stored);
    }
    assert.ok(before > 0, "no kill came before its commit");
    const { ledger, dataset_id } = await read(passId);
    assert.deepEqual([ledger.missing, ledger.completeness, ledger.late.uploads], [0, 1, killedAfterMs.length]);
    const plan = async () => (await call("GET", `/plan/${dataset_id}`)).json;
    const renewals = async () => {
      const history = (await call("GET", `/plan/${dataset_id}/history?limit=200`)).json;
      return JSON.stringify(history).split('"pass.late"').length - 1;
    };
    await until(
      "the gate is met, by what came last too",
      async () => {
        const { data_products } = await plan(); // none while a node takes it over
        const isMet = data_products?.every(({ state }: { state: string }) => state === "success") === true;
        return isMet && (await renewals()) >= killedAfterMs.length;
      },
      renewedMsMax,
    );
    assert.equal(await renewals(), killedAfterMs.length);
  });
});
