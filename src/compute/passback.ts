/** Reads what an attempt hands back: one JSON value, of bounded size. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { type JsonText, parseJson } from "../model/json.ts";
import { defaults } from "./compute.ts";

const linesSearchedMax = 1000;

/** Throws when it is too large. */
export function checkPassback(text: JsonText | null | undefined): JsonText | null {
  if (text === null || text === undefined) return null;
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes > defaults.passbackBytesMax) throw tooLarge(sizeBytes);
  return text;
}

function tooLarge(sizeBytes: number): Error {
  return new Error(
    `the passback has ${sizeBytes} bytes, over the limit of ${defaults.passbackBytesMax}: hand back a link to the data`,
  );
}

/** The file's JSON value; null if there is no file or nothing in it. Throws when it is too large or is not JSON. */
export async function passbackOfFile(path: string): Promise<JsonText | null> {
  const text = await textOfFile(path, defaults.passbackBytesMax);
  if (text === null || text.trim() === "") return null;
  try {
    parseJson(text);
  } catch {
    throw new Error("the passback file holds no JSON value");
  }
  return text.trim();
}

/**
 * A regular file of at most `bytesMax` bytes; null if there is none. What the command put in its place is refused unread: a pipe,
 * whose opening would wait, a link, which could show a file of ours, a device without an end. What is opened is what is looked at, and
 * no more than the limit is ever read, as a process that got away may still be writing.
 */
export async function textOfFile(path: string, bytesMax: number): Promise<string | null> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    if (code === "ENOENT") return null;
    if (code === "ELOOP" || code === "ENXIO") throw notRegular(path);
    throw error;
  }
  try {
    if (!(await file.stat()).isFile()) throw notRegular(path);
    const bytes = Buffer.alloc(bytesMax + 1);
    let sizeBytes = 0;
    while (sizeBytes <= bytesMax) {
      const { bytesRead } = await file.read(bytes, sizeBytes, bytes.length - sizeBytes, sizeBytes);
      if (bytesRead === 0) return bytes.toString("utf8", 0, sizeBytes);
      sizeBytes += bytesRead;
    }
    throw tooLarge((await file.stat()).size);
  } finally {
    await file.close();
  }
}

const notRegular = (path: string): Error => new Error(`the ${basename(path)} file is not a regular file`);

/** The last of the lines in `bytes` that is a whole JSON object, as it was printed; null if none is. */
export function passbackOfLines(bytes: Uint8Array): JsonText | null {
  const lines = new TextDecoder().decode(bytes).split("\n");
  const last = Math.max(0, lines.length - linesSearchedMax);
  for (let i = lines.length - 1; i >= last; i--) {
    const line = lines[i]?.trim() ?? "";
    if (!line.startsWith("{") || !line.endsWith("}")) continue;
    try {
      parseJson(line);
      return line;
    } catch {
      // It only looked like one.
    }
  }
  return null;
}
