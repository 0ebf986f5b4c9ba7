/** The embedded store and its directory: one process at a time, nothing lost when that one is killed, a first start that may be cut short. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { DirectoryLockedError } from "../src/store/lock-file.ts";
import { openDatabase } from "../src/store/open.ts";
import { quietLog } from "./support/database.ts";

const program = join(import.meta.dirname, "support", "open-store.ts");
const runtimeArguments = "Deno" in globalThis ? ["run", "-A", "--no-check", program] : [program];

describe("the embedded store's directory", () => {
  let dataDir: string;
  let other: ChildProcess | null = null;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "orrery-test-"));
  });
  afterEach(async () => {
    if (other !== null) await kill(other);
    other = null;
    await rm(dataDir, { recursive: true, force: true });
  });

  const open = () => openDatabase({ databaseUrl: null, dataDir, maxConnections: 1 }, quietLog);
  const lockPath = () => join(dataDir, "pg.lock");

  /** Starts a process that opens it too; resolves with what that one says. */
  async function openElsewhere(): Promise<{ child: ChildProcess; said: string }> {
    const child = spawn(process.execPath, [...runtimeArguments, dataDir], { stdio: ["ignore", "pipe", "inherit"] });
    const said = await new Promise<string>((resolve) => {
      child.stdout?.once("data", (bytes) => resolve(String(bytes).trim()));
      child.once("exit", () => resolve("(it ended)"));
    });
    return { child, said };
  }

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  it("is refused to a second process, which is told what to do", async () => {
    const database = await open();
    const { child, said } = await openElsewhere();
    other = child;
    assert.match(
      said,
      new RegExp(`DirectoryLockedError: .*process ${process.pid} has it open: stop that one.*DATABASE_URL`),
    );
    await database.close();
  });

  it("is taken over from a killed process, with all that was committed", async () => {
    const { child, said } = await openElsewhere();
    other = child;
    assert.equal(said, "open");
    await assert.rejects(open(), DirectoryLockedError);
    await kill(child);
    const database = await open();
    assert.deepEqual(await database.sql`select n from kept`, [{ n: 1 }]);
    await database.close();
  });

  it("is refused to the same process while it has it open, and free after the close", async () => {
    const database = await open();
    await assert.rejects(open(), DirectoryLockedError);
    await database.close();
    await (await open()).close();
  });

  it("is taken over from a lock that names a reused pid, or is half written", async () => {
    const past = { pid: process.ppid, process: "another", startedAt: "1" };
    const own = { pid: process.pid, process: "an earlier one", startedAt: null };
    for (const lock of [JSON.stringify(past), JSON.stringify(own), '{"pid":', ""]) {
      await writeFile(lockPath(), lock);
      if (lock.includes("another") && process.platform !== "linux") continue;
      const database = await open();
      assert.match(await readFile(lockPath(), "utf8"), new RegExp(`"pid":${process.pid}`));
      await database.close();
    }
  });

  it("is made anew when the first start was cut short", async () => {
    await mkdir(join(dataDir, "pg.new", "base"), { recursive: true });
    await writeFile(join(dataDir, "pg.new", "PG_VERSION"), "1");
    await mkdir(join(dataDir, "pg"));
    const database = await open();
    assert.deepEqual(await database.sql`select similarity('same', 'same') as same`, [{ same: 1 }]);
    await database.close();
  });

  it("keeps what was committed from one start to the next", async () => {
    const first = await open();
    await first.sql.script("create table kept (text text)");
    await first.sql.begin((tx) => tx`insert into kept values (${"here"})`);
    await first.close();
    const second = await open();
    assert.deepEqual(await second.sql`select text from kept`, [{ text: "here" }]);
    await second.close();
  });
});
