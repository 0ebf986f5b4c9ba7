/**
 * Appends deliveries to a JSONL file, one `{ key, origin, payload }` a line. A full file is renamed to `name.0000000001.jsonl` and so on, and never
 * written again. At least once: after a crash or a failed write a line may come a second time, under the same key.
 */
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename } from "node:fs/promises";
import { join, resolve } from "node:path";
import * as v from "valibot";
import { SetupError } from "../../model/errors.ts";
import type { Delivery, Outcome, Sink } from "../sink.ts";
import { notJson, payloadJson } from "./payload-json.ts";
import { cannotUse, type SinkParts } from "./setup.ts";

export const jsonlSink = v.strictObject({
  kind: v.literal("jsonl"),
  /** Must exist, or its parent must. Only this folder is written to. */
  folder: v.pipe(v.string(), v.nonEmpty()),
  /** The file's name without `.jsonl`; the sink's if absent. */
  name: v.optional(v.pipe(v.string(), v.regex(/^[\w-]{1,100}$/, "must be letters, digits, _ and -, at most 100"))),
  /** A file that has reached it is rotated before the next batch. */
  size_bytes_max: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)), 256 * 1024 * 1024),
  /** `batch`: confirmed once it is on the disk. `never`: once the operating system has it, which a power cut may lose. */
  fsync: v.optional(v.picklist(["batch", "never"]), "batch"),
});

export type JsonlSinkConfig = v.InferOutput<typeof jsonlSink>;

const numberDigits = 10;

export function createJsonlSink(
  sink: string,
  { folder: asWritten, name = sink, size_bytes_max: sizeBytesMax, fsync }: JsonlSinkConfig,
  { configDir }: Pick<SinkParts, "configDir">,
): Sink {
  const folder = resolve(configDir, asWritten);
  const path = join(folder, `${name}.jsonl`);
  let file: FileHandle | null = null;
  let sizeBytes = 0;

  /** A link in the file's place would lead out of the folder: it is refused, not followed. */
  async function openFile(): Promise<FileHandle> {
    const { O_RDWR, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
    const opened = await open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0o640);
    try {
      const stat = await opened.stat();
      if (!stat.isFile()) throw new Error("it is not a regular file");
      sizeBytes = stat.size;
      await endTornLine(opened);
      if (fsync === "batch") await syncFolder();
    } catch (error) {
      await opened.close();
      throw error;
    }
    return opened;
  }

  /** A write that a crash cut short leaves half a line: what follows must not be glued to it. */
  async function endTornLine(opened: FileHandle): Promise<void> {
    if (sizeBytes === 0) return;
    const last = Buffer.alloc(1);
    await opened.read(last, 0, 1, sizeBytes - 1);
    if (last[0] === 0x0a) return;
    await opened.appendFile("\n");
    sizeBytes += 1;
  }

  async function syncFolder(): Promise<void> {
    const handle = await open(folder, constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async function closeFile(): Promise<void> {
    const closing = file;
    file = null;
    await closing?.close();
  }

  async function rotate(): Promise<void> {
    await closeFile();
    const pattern = new RegExp(`^${name}\\.(\\d{${numberDigits}})\\.jsonl$`);
    const numbers = (await readdir(folder)).map((entry) => Number(pattern.exec(entry)?.[1] ?? 0));
    const next = Math.max(0, ...numbers) + 1;
    await rename(path, join(folder, `${name}.${String(next).padStart(numberDigits, "0")}.jsonl`));
  }

  return {
    async check() {
      try {
        await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== "EEXIST") throw error;
        });
        file ??= await openFile();
      } catch (error) {
        throw new SetupError(`${cannotUse(sink)}: cannot write ${path}: ${String(error)}`);
      }
    },
    async deliver(batch: readonly Delivery[]): Promise<readonly Outcome[]> {
      const outcomes: Outcome[] = [];
      const lines: string[] = [];
      for (const { key, origin, payload } of batch) {
        const json = payloadJson(payload);
        if (json !== null)
          lines.push(`{"key":${JSON.stringify(key)},"origin":${JSON.stringify(origin)},"payload":${json}}\n`);
        outcomes.push(json === null ? notJson : { kind: "ok" });
      }
      if (lines.length === 0) return outcomes;
      try {
        if (file !== null && sizeBytes >= sizeBytesMax) await rotate();
        file ??= await openFile();
        const text = Buffer.from(lines.join(""));
        await file.appendFile(text);
        if (fsync === "batch") await file.datasync();
        sizeBytes += text.length;
        return outcomes;
      } catch (error) {
        // Opened anew next time, which ends the half line that it may have left.
        await closeFile().catch(() => undefined);
        throw error;
      }
    },
    close: closeFile,
  };
}
