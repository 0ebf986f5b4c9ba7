/** What parameters were, and what passes leave: while a pass receives, after it is archived, over several passes; what is refused and why. */
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readFile, rename } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { parquetReadObjects } from "hyparquet";
import { buildPacket } from "../src/ground/ccsds.ts";
import { beginPass, type FlownPass, openNodeOfShip } from "./support/flown-pass.ts";
import type { TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const definition = {
  packets: [
    {
      name: "power",
      apid: 100,
      time: "clock",
      fields: [
        { name: "clock", type: "cuc", coarse_bytes: 4, fine_bytes: 2, epoch: "unix" },
        {
          name: "volts",
          type: "u16",
          unit: "V",
          calibration: { polynomial: [0, 0.25] },
          limits: { warning: { low: 20 } },
        },
        { name: "mode", type: "u8", calibration: { enum: { 1: "safe", 2: 'sun, "fine"' } } },
        { name: "total", type: "u64" },
        { name: "note", type: "string", bytes: 8 },
      ],
    },
    {
      name: "attitude",
      apid: 101,
      fields: [
        { name: "_none".slice(1), type: "f32" },
        { name: "temp", type: "i8" },
      ],
    },
  ],
};

/** Recorded two hours ago, a value a second. */
const takenS = Math.floor(Date.now() / 1000) - 7200;

function power(
  sequenceCount: number,
  second: number,
  quarters: number,
  changes: { total?: bigint; note?: string } = {},
) {
  const data = Buffer.alloc(25);
  data.writeUInt32BE(takenS + second, 0);
  data.writeUInt16BE(0x8000, 4); // half a second
  data.writeUInt16BE(quarters, 6);
  data.writeUInt8(1 + (sequenceCount % 3), 8);
  data.writeBigUInt64BE(changes.total ?? BigInt(second), 9);
  data.write(changes.note ?? "ok", 17);
  return buildPacket({ apid: 100, sequenceCount, data });
}

function attitude(sequenceCount: number, value: number, temp: number) {
  const data = Buffer.alloc(5);
  data.writeFloatBE(value, 0);
  data.writeInt8(temp, 4);
  return buildPacket({ apid: 101, sequenceCount, data });
}

const instant = (second: number): string => new Date((takenS + second) * 1000).toISOString();
const ship = `history-${randomUUID()}`;
const count = 120;
const secondPass = 400;

describe("the history of parameters, and what passes leave", () => {
  let node: TestRuntime;
  let pass: FlownPass;
  before(async () => {
    node = await openNodeOfShip(ship, definition);
  });
  after(() => node.stop());

  const get = (path: string) => node.request("GET", `/api${path}`);
  const history = async (name: string, query: string) =>
    (await get(`/ship/${ship}/parameter/${name}/history?${query}`)).json;
  const all = `start=${instant(-10)}&end=${instant(1000)}`;
  const voltsAt = (second: number) => (2500 + (second % 7)) / 4;

  it("describes the parameters of a ship", async () => {
    const { rows } = (await get(`/ship/${ship}/parameter`)).json;
    assert.deepEqual(
      rows.map((row: { name: string; has_history: boolean }) => [row.name, row.has_history]),
      [
        ["clock", false],
        ["volts", true],
        ["mode", true],
        ["total", true],
        ["note", false],
        ["none", true],
        ["temp", true],
      ],
    );
    const [, volts, mode] = rows;
    assert.deepEqual(volts, {
      name: "volts",
      type: "u16",
      unit: "V",
      description: null,
      packet: "power",
      apid: 100,
      enumeration: null,
      limits: { warning: { low: 20 } },
      has_history: true,
    });
    assert.deepEqual(mode.enumeration, [
      { value: 1, text: "safe" },
      { value: 2, text: 'sun, "fine"' },
    ]);
    assert.equal((await get(`/ship/${ship}/parameter/volts/latest`)).status, 404);
    const none = await history("volts", all);
    assert.deepEqual([none.rows, none.cuts.passes_behind], [[], 0]);
  });

  it("shows each value of a pass that is still receiving, at the time when it was taken", async () => {
    pass = await beginPass(node, ship, 6);
    const first = Array.from({ length: count / 2 }, (_, i) => power(i, i, 2500 + (i % 7)));
    await pass.send(first);
    const half = await history("volts", all);
    assert.equal(half.rows.length, count / 2);
    // Late, out of order, twice in one second with another payload; and an APID that has no time of its own.
    const rest = Array.from({ length: count / 2 }, (_, i) =>
      power(count - 1 - i, count - 1 - i, 2500 + ((count - 1 - i) % 7)),
    );
    await pass.send([...rest, attitude(0, 1.5, -3), attitude(1, Number.NaN, -4)]);
    const { rows, bucket_ms, unit } = await history("volts", all);
    assert.deepEqual([bucket_ms, unit, rows.length], [1, "V", count]);
    for (const [second, row] of rows.entries()) {
      const at = new Date((takenS + second) * 1000 + 500).toISOString().replace("Z", "000+00:00");
      assert.deepEqual(row, { at, min: voltsAt(second), max: voltsAt(second), avg: voltsAt(second), n: 1 });
    }
    const now = (await get(`/ship/${ship}/parameter/none/history`)).json;
    assert.deepEqual(
      now.rows.map((row: { avg: number }) => row.avg),
      [1.5],
    );
    const latest = (await get(`/ship/${ship}/parameter/temp/latest`)).json;
    assert.deepEqual([latest.name, latest.value, latest.taken], ["temp", -4, latest.at]);
    const clocked = (await get(`/ship/${ship}/parameter/volts/latest`)).json;
    assert.ok(clocked.taken < clocked.at);
  });

  it("says the same once the pass is archived", async () => {
    const live = (await get(`/ship/${ship}/parameter/volts/history?${all}`)).text;
    await pass.completed();
    assert.equal((await get(`/ship/${ship}/parameter/volts/history?${all}`)).text, live);
    const some = await history("volts", `start=${instant(10)}&end=${instant(20)}`);
    assert.deepEqual(
      some.rows.map((row: { avg: number }) => row.avg),
      Array.from({ length: 10 }, (_, i) => voltsAt(10 + i)),
    );
    const modes = await history("mode", `start=${instant(0)}&end=${instant(3)}`);
    assert.deepEqual(
      modes.rows.map((row: { avg: number }) => row.avg),
      [1, 2, 3],
    );
    const totals = await history("total", `start=${instant(0)}&end=${instant(3)}`);
    assert.deepEqual(
      totals.rows.map((row: { avg: number }) => row.avg),
      [0, 1, 2],
    );
  });

  it("folds values into as many buckets as are asked for, and loses none", async () => {
    for (const buckets of [1, 2, 7, 50, 119]) {
      const { rows, bucket_ms } = await history("volts", `${all}&buckets=${buckets}`);
      assert.ok(rows.length <= buckets && bucket_ms > 1, `${buckets}`);
      assert.equal(
        rows.reduce((sum: number, row: { n: number }) => sum + row.n, 0),
        count,
      );
      assert.equal(Math.max(...rows.map((row: { max: number }) => row.max)), 626.5);
      assert.equal(Math.min(...rows.map((row: { min: number }) => row.min)), 625);
      for (const row of rows) assert.ok(row.min <= row.avg + 1e-9 && row.avg <= row.max + 1e-9);
    }
  });

  it("leaves CSV, Parquet and checksums beside the archive", async () => {
    const { archive } = (await get(`/pass/${pass.id}`)).json;
    const exported = async (format: string) => {
      const response = await fetch(`${node.url}/api/pass/${pass.id}/export?format=${format}`);
      assert.equal(response.status, 200, format);
      const bytes = Buffer.from(await response.arrayBuffer());
      const digest = createHash("sha256").update(bytes);
      if (format !== "ledger") {
        assert.equal(response.headers.get("repr-digest"), `sha-256=:${digest.copy().digest("base64")}:`);
        assert.equal(response.headers.get("etag"), `"${digest.copy().digest("hex")}"`);
        assert.match(response.headers.get("content-disposition") ?? "", new RegExp(`${ship}-${pass.id}\\.${format}`));
      }
      return { bytes, sha256: digest.digest("hex") };
    };
    const ccsds = await exported("ccsds");
    assert.equal(ccsds.sha256, archive.sha256);

    const csv = await exported("csv");
    const lines = csv.bytes.toString().split("\r\n");
    assert.equal(
      lines[0],
      "_arrived,_taken,_packet,_apid,_sequence_count,_conflict,clock,volts,mode,total,note,none,temp",
    );
    assert.equal(lines.length, count + 2 + 2);
    const taken = new Date(takenS * 1000 + 1500).toISOString().replace("Z", "000+00:00");
    const [arrived = "", ...cells] = (lines[2] ?? "").split(",");
    assert.match(arrived, /^\d{4}-.*\+00:00$/);
    assert.equal(cells.join(","), `${taken},power,100,1,false,${taken},625.25,"sun, ""fine""",1,ok,,`);
    assert.match(lines.at(-2) ?? "", /,attitude,101,1,false,,,,,,,-4$/);

    const parquet = await exported("parquet");
    const { buffer, byteOffset, byteLength } = parquet.bytes;
    const rows = await parquetReadObjects({ file: buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer });
    assert.equal(rows.length, count + 2);
    const [, second] = rows;
    assert.deepEqual(
      { ...second, _arrived: null },
      {
        _arrived: null,
        _taken: new Date(takenS * 1000 + 1500),
        _packet: "power",
        _apid: 100,
        _sequence_count: 1,
        _conflict: false,
        clock: new Date(takenS * 1000 + 1500),
        volts: 625.25,
        mode: 'sun, "fine"',
        total: 1n,
        note: "ok",
        none: null,
        temp: null,
      },
    );
    assert.deepEqual(
      [rows.at(-2)?.none, rows.at(-1)?.none, rows.at(-1)?.temp, rows.at(-1)?.volts],
      [1.5, null, -4, null],
    );

    const sums = await readFile(archive.path.replace(/ccsds$/, "sha256"), "utf8");
    for (const [kind, { sha256 }] of Object.entries({ ccsds, csv, parquet }))
      assert.ok(sums.includes(`${sha256}  ${pass.id}.${kind}\n`), kind);

    const ledger = JSON.parse((await exported("ledger")).bytes.toString());
    const shown = (await get(`/pass/${pass.id}/ledger`)).json;
    assert.deepEqual(shown.ledger, ledger);
    assert.deepEqual([ledger.stored, ledger.missing, shown.pass_id], [count + 2, 0, pass.id]);
    const again = await fetch(`${node.url}/api/pass/${pass.id}/export?format=csv`, {
      headers: { "If-None-Match": `"${csv.sha256}"` },
    });
    assert.equal(again.status, 304);
  });

  it("goes over the passes of a ship, and shows no packet that conflicts with another", async () => {
    const next = await beginPass(node, ship, 3);
    const large = 2n ** 64n - 1n;
    await next.send([
      power(500, secondPass, 3000, { total: large }),
      power(501, secondPass + 1, 3100, { note: "x\r\n\u0000no" }),
      power(500, secondPass, 9999), // the same count, another payload: kept, flagged, not plotted
    ]);
    await next.completed();
    const { rows } = await history("volts", `start=${instant(-1)}&end=${instant(1000)}`);
    assert.deepEqual([rows.length, rows.at(-2).max, rows.at(-1).avg], [count + 2, 750, 775]);
    assert.deepEqual((await history("volts", `start=${instant(200)}&end=${instant(300)}`)).rows, []);
    const csv = await (await fetch(`${node.url}/api/pass/${next.id}/export?format=csv`)).text();
    assert.match(csv, /,true,[^,]+,2499\.75,/);
    assert.ok(csv.includes(String(large)) && csv.includes('"x\r\n"'));
  });

  it("decodes a pass that was cancelled too: what it received is kept", async () => {
    const cancelled = await beginPass(node, ship, 60);
    await cancelled.send([power(600, 600, 4000)]);
    const token = await node.tokenOf("publisher");
    assert.equal((await node.request("PUT", `/api/pass/${cancelled.id}/cancel`, { token })).status, 200);
    await until("exported", async () => (await get(`/pass/${cancelled.id}/export?format=csv`)).status === 200);
    const { rows } = await history("volts", `start=${instant(599)}&end=${instant(602)}`);
    assert.deepEqual([rows.length, rows[0]?.avg], [1, 1000]);
  });

  it("says how many passes have their files elsewhere", async () => {
    const { archive } = (await get(`/pass/${pass.id}`)).json;
    const path = archive.path.replace(/ccsds$/, "history");
    await rename(path, `${path}.away`);
    const { rows, cuts } = await history("volts", all);
    assert.deepEqual([rows.length, cuts.passes_elsewhere], [3, 1]);
    await rename(`${path}.away`, path);
  });

  it("pages through the newest packets", async () => {
    const page = (await get(`/ship/${ship}/packet?limit=2`)).json;
    const rest = (await get(`/ship/${ship}/packet?limit=1000&before=${page.next_before}`)).json;
    assert.deepEqual([page.rows.length, rest.rows.length, rest.next_before], [2, count + 4, null]);
    assert.equal((await get(`/ship/${ship}/packet?limit=0`)).status, 400);
  });

  it("refuses what cannot be answered, and says why", async () => {
    const parameter = `/ship/${ship}/parameter`;
    const cases: [path: string, status: number, detail: RegExp][] = [
      [`${parameter}/volts/history?start=${instant(5)}&end=${instant(5)}`, 400, /start: it must be before the end/],
      [`${parameter}/volts/history?start=${instant(9)}&end=${instant(5)}`, 400, /start/],
      [`${parameter}/volts/history?start=yesterday`, 400, /start.*no date/],
      [`${parameter}/volts/history?buckets=0`, 400, /buckets: a whole number from 1 to 10000/],
      [`${parameter}/volts/history?buckets=1000000`, 400, /buckets/],
      [`${parameter}/volts/history?buckets=-1`, 400, /buckets/],
      [`${parameter}/note/history`, 409, /type string, which is no number/],
      [`${parameter}/clock/history`, 409, /type cuc/],
      [`${parameter}/amps/history`, 404, /no parameter amps of/],
      [`${parameter}/__proto__/latest`, 404, /no parameter __proto__/],
      [`${parameter}/constructor/history`, 404, /no parameter constructor/],
      [`${parameter}/${encodeURIComponent("a:b*\r\n../..")}/history`, 404, /no parameter/],
      [`${parameter}/a%00b/history`, 400, /NUL/],
      ["/ship/..%2f..%2fetc/parameter", 400, /ship: 1 to 64 letters/],
      ["/ship/a%0d%0ab/parameter/volts/latest", 400, /ship/],
      ["/ship/a*:b/packet", 400, /ship/],
      ["/ship/nobody/parameter", 404, /no ship nobody/],
      [`/pass/${pass.id}/export`, 400, /format: one of ccsds, csv, parquet, ledger/],
      [`/pass/${pass.id}/export?format=../../etc/passwd`, 400, /format/],
      [`/pass/${randomUUID()}/export?format=csv`, 404, /no pass/],
      [`/pass/${randomUUID()}/ledger`, 404, /no pass/],
      ["/pass/nonsense/ledger", 400, /uuid/],
    ];
    for (const [path, status, detail] of cases) {
      const answer = await get(path);
      assert.equal(answer.status, status, `${path}: ${answer.text}`);
      assert.match(answer.json.detail, detail, path);
    }
  });

  it("has nothing to decode of a ship without a definition, nor CCSDS of one that sends JSON", async () => {
    const token = await node.tokenOf("publisher");
    for (const format of ["ccsds", "json"]) {
      const name = `${format}-${randomUUID()}`;
      await node.request("PUT", `/api/ship/${name}`, { token, body: { format } });
      assert.deepEqual((await get(`/ship/${name}/parameter`)).json.rows, []);
      const plain = await beginPass(node, name, 2);
      assert.equal((await get(`/pass/${plain.id}/export?format=csv`)).status, 404);
      assert.equal((await get(`/pass/${plain.id}/export?format=ccsds`)).status, 404);
      await plain.send([format === "json" ? Buffer.from('{"a":1}') : power(0, 0, 1)]);
      await plain.completed();
      const csv = await get(`/pass/${plain.id}/export?format=csv`);
      assert.deepEqual([csv.status, /no packets of it were defined/.test(csv.json.detail)], [404, true]);
      const { status, json } = await get(`/pass/${plain.id}/export?format=ccsds`);
      if (format === "ccsds") assert.equal(status, 200);
      else assert.deepEqual([status, json.format], [409, "json"]);
      const { archive } = (await get(`/pass/${plain.id}`)).json;
      assert.equal(
        await readFile(archive.path.replace(/\.\w+$/, ".sha256"), "utf8"),
        `${archive.sha256}  ${archive.path.split("/").at(-1)}\n`,
      );
    }
  });

  it("tells the document of all of it", async () => {
    const { paths } = (await node.request("GET", "/spec")).json;
    for (const path of ["", "/{name}/latest", "/{name}/history"])
      assert.ok(paths[`/ship/{ship}/parameter${path}`], path);
    for (const path of ["/ship/{ship}/packet", "/pass/{pass_id}/ledger", "/pass/{pass_id}/export"])
      assert.ok(paths[path], path);
  });
});
