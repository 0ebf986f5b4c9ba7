/** What a ship uses, and what is told of a pass whose files its quota took, over HTTP. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { buildPacket } from "../src/ground/ccsds.ts";
import { retain } from "../src/history/ship-retention.ts";
import { beginPass, type FlownPass, openNodeOfShip } from "./support/flown-pass.ts";
import { done, refused } from "./support/http.ts";
import type { TestRuntime } from "./support/runtime.ts";

const ship = `tenant-${randomUUID()}`;
const definition = { packets: [{ name: "hk", apid: 100, fields: [{ name: "volts", type: "u16" }] }] };
const packet = (sequenceCount: number) => buildPacket({ apid: 100, sequenceCount, data: Uint8Array.of(1, 2) });

describe("what a ship keeps", () => {
  let node: TestRuntime;
  let pass: FlownPass;
  const get = (path: string) => node.request("GET", `/api${path}`);
  before(async () => {
    node = await openNodeOfShip(ship, definition);
    pass = await beginPass(node, ship, 5);
    await pass.send(Array.from({ length: 40 }, (_, i) => packet(i)));
    await pass.completed();
  });
  after(() => node.stop());

  const retention = () => {
    const { database, telemetry, clock, log, config } = node.runtime;
    return retain({ sql: database.sql, telemetry, clock, log, dataDir: config.dataDir });
  };

  it("is told to the octet, but for the list of checksums", async () => {
    const { usage } = done(await get(`/ship/${ship}`)).json;
    const folder = join(node.config.dataDir, "archive", ship);
    let bytes = 0;
    for (const name of await readdir(folder))
      if (!name.endsWith(".sha256")) bytes += (await stat(join(folder, name))).size;
    assert.deepEqual([usage.archive_bytes, usage.archives], [bytes, 1]);
    assert.ok(usage.hot_bytes >= 40 * (8 + 16));
    assert.equal(usage.bytes_kept, usage.archive_bytes + usage.hot_bytes);
  });

  it("goes when it may keep nothing: 410 says when and why, the ledger and the pass stay", async () => {
    const token = await node.tokenOf("publisher");
    await retention();
    assert.equal((await get(`/pass/${pass.id}/archive`)).status, 200);
    const body = { format: "ccsds", packets: definition, quota: { bytes_kept: 0 } };
    done(await node.request("PUT", `/api/ship/${ship}`, { token, body }));
    await retention();

    const shown = done(await get(`/pass/${pass.id}`)).json;
    assert.equal(shown.archive.packets, 40);
    assert.match(shown.archive_removed_reason, /quota\.bytes_kept/);
    for (const path of ["archive", "export?format=ccsds", "export?format=csv", "export?format=parquet"]) {
      const answer = await get(`/pass/${pass.id}/${path}`);
      refused(answer, 410, pass.id, shown.archive_removed_date, "quota.bytes_kept", `/api/pass/${pass.id}/ledger`);
      assert.equal(answer.json.code, "archive_removed");
    }
    assert.equal(done(await get(`/pass/${pass.id}/export?format=ledger`)).json.stored, 40);
    assert.equal(done(await get(`/pass/${pass.id}/ledger`)).json.ledger.stored, 40);
    const { rows, cuts } = done(await get(`/ship/${ship}/parameter/volts/history`)).json;
    assert.deepEqual([rows, cuts.passes_elsewhere], [[], 0]);
    const { usage } = done(await get(`/ship/${ship}`)).json;
    assert.deepEqual(usage, { bytes_kept: 0, archive_bytes: 0, archives: 0, hot_bytes: 0 });
    assert.equal(done(await get(`/ship/${ship}/telemetry/count`)).json.count, 40, "ever stored");
    assert.deepEqual(done(await get(`/ship/${ship}/packet`)).json.rows, []);
  });
});
