import assert from "node:assert/strict";
import { appendFile, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import * as v from "valibot";
import type { Delivery } from "../sink.ts";
import { createJsonlSink, jsonlSink } from "./jsonl.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "orrery-jsonl-"));
});
afterEach(() => rm(folder, { recursive: true }));

const { signal } = new AbortController();
const sinkOf = (options: object = {}) =>
  createJsonlSink("archive", v.parse(jsonlSink, { kind: "jsonl", folder: ".", name: "out", ...options }), {
    configDir: folder,
  });
const delivery = (offset: number, payload: unknown = { n: offset }): Delivery => ({
  key: `f:p:${offset}:0`,
  origin: { partition: "p", id: String(offset) },
  payload,
});
const read = (name: string) => readFile(join(folder, name), "utf8");

describe("the JSONL sink", () => {
  it("appends one line a delivery, to what an earlier start has written", async () => {
    for (const offset of [1, 2]) {
      const sink = sinkOf();
      await sink.check();
      assert.deepEqual(await sink.deliver([delivery(offset)], signal), [{ kind: "ok" }]);
      await sink.close();
    }
    const lines = (await read("out.jsonl")).trimEnd().split("\n");
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [delivery(1), delivery(2)],
    );
  });

  it("ends a line that a crash cut short, so that the next one can be read", async () => {
    await appendFile(join(folder, "out.jsonl"), '{"key":"f:p');
    const sink = sinkOf();
    await sink.check();
    await sink.deliver([delivery(1)], signal);
    await sink.close();
    assert.deepEqual(JSON.parse((await read("out.jsonl")).split("\n")[1] ?? ""), delivery(1));
  });

  it("rotates a full file before the next batch, and goes on counting after a restart", async () => {
    for (const offset of [1, 2, 3]) {
      const sink = sinkOf({ size_bytes_max: 1 });
      await sink.check();
      await sink.deliver([delivery(offset)], signal);
      await sink.close();
    }
    assert.deepEqual((await readdir(folder)).sort(), ["out.0000000001.jsonl", "out.0000000002.jsonl", "out.jsonl"]);
    assert.deepEqual(JSON.parse(await read("out.0000000002.jsonl")), delivery(2));
    assert.deepEqual(JSON.parse(await read("out.jsonl")), delivery(3));
  });

  it("refuses a payload that is no JSON value, and writes the others of its batch", async () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const sink = sinkOf();
    await sink.check();
    const outcomes = await sink.deliver([delivery(1, () => 1), delivery(2), delivery(3, cycle)], signal);
    await sink.close();
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ["refused", "ok", "refused"],
    );
    assert.deepEqual(JSON.parse(await read("out.jsonl")), delivery(2));
  });

  it("refuses a name or a link that leads out of its folder", async () => {
    for (const name of ["../out", "a/b", "", ".", "a\0b"])
      assert.throws(() => sinkOf({ name }), /must be letters, digits, _ and -/);
    await writeFile(join(folder, "elsewhere"), "");
    await symlink(join(folder, "elsewhere"), join(folder, "out.jsonl"));
    await assert.rejects(sinkOf().check(), /Cannot use sink "archive": cannot write/);
    assert.equal(await read("elsewhere"), "");
  });

  it("refuses to start where it cannot write", async () => {
    await assert.rejects(sinkOf({ folder: "no/such" }).check(), /ENOENT/);
  });
});
