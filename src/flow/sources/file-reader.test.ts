import assert from "node:assert/strict";
import { appendFile, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { until } from "../../../tests/support/signal.ts";
import type { Message } from "../message.ts";
import { createFileReader, type FileReader } from "./file-reader.ts";

describe("how many lines of a file wait", () => {
  let dir: string;
  let path: string;
  let taken: Message[];
  let reader: FileReader;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "orrery-file-reader-"));
    path = join(dir, "a.jsonl");
    taken = [];
  });
  afterEach(async () => {
    await reader.close();
    await rm(dir, { recursive: true });
  });

  /** A reader that is paused after `countMax` messages, as by a full window. */
  function open(start: number, countMax: number): void {
    reader = createFileReader({
      ...{ flow: "f", name: "a.jsonl", path, start },
      listener: {
        assigned() {},
        async revoked() {},
        messages(_, batch) {
          taken.push(...batch);
          if (taken.length >= countMax) reader.pause();
        },
        failed: (_, reason) => assert.fail(reason),
      },
    });
  }
  const look = async () => reader.sizeIs((await stat(path)).size);
  /** Long enough that a chunk is not all of the file. */
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `{"n":${from + i},"pad":"${"x".repeat(1000)}"}\n`).join("");

  it("is counted while it is not read on, grows with the file, and goes down as it is read", async () => {
    await writeFile(path, `\n\r\n${lines(0, 1000)}`);
    open(0, 100);
    await look();
    await until("paused", () => taken.length >= 100);
    await until("counted", async () => {
      await look();
      return reader.waiting === 1000 - taken.length;
    });
    await appendFile(path, `\n${lines(1000, 1500)}`);
    await until("counted again", async () => {
      await look();
      return reader.waiting === 1500 - taken.length;
    });
    const before = taken.length;
    reader.resume();
    await until("some are read", () => taken.length > before);
    assert.equal(reader.waiting, 1500 - taken.length);
    while (taken.length < 1500) {
      const had = taken.length;
      reader.resume();
      await until("more are read", () => taken.length > had);
      assert.equal(reader.waiting, 1500 - taken.length);
    }
    assert.equal(reader.waiting, 0);
  });

  it("is not said before it is known", async () => {
    await writeFile(path, lines(0, 10));
    open(0, 1);
    reader.pause();
    reader.sizeIs((await stat(path)).size);
    assert.equal(reader.waiting, null);
    await until("counted", () => reader.waiting === 10);
  });
});
