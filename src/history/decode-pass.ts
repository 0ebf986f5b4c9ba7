/**
 * What a pass leaves beside its archive when it ends, decoded once by the definition of that day: `<pass>.csv`, `<pass>.parquet`,
 * and `<pass>.history`, from which plots are answered. And `<pass>.sha256`, which `sha256sum -c` checks all of them by.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { emptyValues } from "../ground/decode.ts";
import { compilePlan } from "../ground/field-plan.ts";
import type { PacketDefinition } from "../ground/packet-definition.ts";
import type { DecodedFile, DecodedPass, PassArchive } from "../model/pass.ts";
import { stemOf } from "../telemetry/archive.ts";
import { Columns } from "./columns.ts";
import { openCsv } from "./csv.ts";
import { eachDecoded } from "./decoded.ts";
import { historyFile } from "./history-file.ts";
import { packetRow } from "./packet-row.ts";
import { openParquet } from "./parquet.ts";

const kinds = ["history", "csv", "parquet"] as const;

/** The packets to decode, in the shape of telemetry entries: each call reads them from the start. */
export type PacketSource = () => AsyncIterable<{ readonly payload: Uint8Array }>;

export interface DecodeOrder {
  /** What the files are named, but for their suffixes. */
  readonly stem: string;
  /** Tells drafts of this try from others'. */
  readonly draft: string;
}

/** Null: no packet was of an APID that the definition knows. Whole or not at all; doing it twice makes the same files. */
export async function decodePass(
  read: PacketSource,
  { stem, draft }: DecodeOrder,
  definition: PacketDefinition,
): Promise<DecodedPass | null> {
  const draftOf = (kind: string): string => `${stem}.${kind}.${draft}.part`;
  try {
    const span = await writeDrafts(read, definition, draftOf);
    if (span === null) return null;
    const files = new Map<string, DecodedFile>();
    for (const kind of kinds) {
      await rename(draftOf(kind), `${stem}.${kind}`);
      files.set(kind, await describe(`${stem}.${kind}`));
    }
    const [history, csv, parquet] = kinds.map((kind) => files.get(kind));
    if (history === undefined || csv === undefined || parquet === undefined) return null;
    return { ...span, history, csv, parquet };
  } finally {
    for (const kind of kinds) await rm(draftOf(kind), { force: true });
  }
}

async function writeDrafts(
  read: PacketSource,
  definition: PacketDefinition,
  draftOf: (kind: string) => string,
): Promise<{ fromMs: number; toMs: number } | null> {
  const plan = compilePlan(definition);
  const values = emptyValues(plan);
  const columns = new Columns(plan);
  const sinks = [await openCsv(draftOf("csv"), plan), openParquet(draftOf("parquet"), plan)];
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = Number.NEGATIVE_INFINITY;
  try {
    for await (const { payload } of read()) {
      eachDecoded(payload, plan, values, (decoded) => {
        const row = packetRow(plan, values, payload, decoded);
        for (const sink of sinks) sink.take(row);
        // Which of two packets under one count is right is not known: a plot shows neither's twin.
        if (decoded.place.conflict) return;
        fromMs = Math.min(fromMs, decoded.takenMs);
        toMs = Math.max(toMs, decoded.takenMs);
        columns.take(decoded.packet, values, decoded.takenMs);
      });
      for (const sink of sinks) await sink.drain();
    }
  } finally {
    for (const sink of sinks) await sink.close();
  }
  if (fromMs > toMs) return null;
  const file = await open(draftOf("history"), "w");
  try {
    for (const chunk of historyFile(plan, columns)) await file.writeFile(chunk);
  } finally {
    await file.close();
  }
  return { fromMs, toMs };
}

/** On the disk, too, when this resolves. */
async function describe(path: string): Promise<DecodedFile> {
  const file = await open(path, "r+");
  await file.sync().finally(() => file.close());
  const digest = createHash("sha256");
  for await (const chunk of createReadStream(path)) digest.update(chunk);
  const { size } = await stat(path);
  return { path, sha256: digest.digest("hex"), sizeBytes: size };
}

/** Beside the archive, in the form of `sha256sum`. */
export async function writeChecksums(archive: PassArchive, decoded: DecodedPass | null): Promise<void> {
  const files = decoded === null ? [archive] : [archive, decoded.history, decoded.csv, decoded.parquet];
  const lines = files.map(({ path, sha256 }) => `${sha256}  ${basename(path)}\n`);
  await writeFile(`${stemOf(archive)}.sha256`, lines.join(""));
}
