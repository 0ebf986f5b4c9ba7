/** Reads what an attempt hands back: one JSON value, of bounded size. */
import { lstat, readFile } from "node:fs/promises";
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

/** A regular file of at most `bytesMax` bytes; null if there is none. A pipe in its place is refused, as opening it would wait. */
export async function textOfFile(path: string, bytesMax: number): Promise<string | null> {
  const info = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (info === null) return null;
  if (!info.isFile()) throw new Error("the passback file is not a regular file");
  if (info.size > bytesMax) throw tooLarge(info.size);
  return await readFile(path, "utf8");
}

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
