/** What a pass leaves, to take away: its packets raw or decoded, and its ledger. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { ConflictError, InvalidRequestError, NotFoundError } from "../model/errors.ts";
import { parseUuid } from "../model/ids.ts";
import type { DecodedPass, PassId, PassRow } from "../model/pass.ts";
import { ArchiveRemovedError } from "../model/pass-errors.ts";
import { findDecoded } from "../store/decoded-passes.ts";
import { findReplay } from "../store/pass-replays.ts";
import { findPass } from "../store/passes.ts";
import type { Sql } from "../store/sql.ts";
import { json, jsonText } from "./answer.ts";
import { fileAnswer } from "./file-answer.ts";
import { type KnownLedger, knownLedger } from "./known-ledgers.ts";
import { openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { Ledger } from "./pass-schemas.ts";
import { queryOf, textIn, wordOf } from "./query.ts";

const formats = ["ccsds", "csv", "parquet", "ledger"] as const;

const ExportQuery = z.object({
  format: z.enum(formats),
  replay: z
    .string()
    .optional()
    .openapi({ format: "uuid", description: "Of csv and parquet: as this replay of the pass decoded it" }),
});
const PassLedger = z
  .object({ pass_id: z.string().openapi({ format: "uuid" }), ledger_date: z.string(), ledger: Ledger })
  .openapi("PassLedger");

export function passExportRoutes({ database, ground, clock }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  const { sql } = database;

  async function ledgerOf(pass: PassRow): Promise<KnownLedger> {
    const known = await knownLedger({ sql, ground, clock }, pass);
    if (known === null)
      throw new NotFoundError("ledger", pass.passId, `: the pass is ${pass.state} and received nothing`);
    return known;
  }

  async function replayed({ passId }: PassRow, given: string): Promise<DecodedPass> {
    const replayId = parseUuid(given);
    const replay = replayId === null ? null : await findReplay(sql, replayId);
    if (replay === null || replay.passId !== passId) throw new NotFoundError("replay", given, ` of pass ${passId}`);
    if (replay.decoded !== null) return replay.decoded;
    const why = replay.state === "done" ? "nothing in it was defined" : `it is ${replay.state}`;
    throw new NotFoundError("decoded file of replay", given, `: ${why}`);
  }

  openOperation(
    routes,
    {
      method: "get",
      path: "/pass/{pass_id}/ledger",
      summary: "What a pass received and lost, and where",
      tag: "pass",
      answer: PassLedger,
    },
    async ({ param }) => {
      const pass = await knownPass(sql, param("pass_id"));
      const { ledger, at } = await ledgerOf(pass);
      return json({ pass_id: pass.passId, ledger_date: at, ledger });
    },
  );

  openOperation(
    routes,
    {
      method: "get",
      path: "/pass/{pass_id}/export",
      summary: "Take away a pass: its packets back to back, decoded as CSV or Parquet, or its ledger",
      tag: "pass",
      query: ExportQuery,
      answer: z.string().openapi({ format: "binary", description: "Its Repr-Digest and its ETag are its SHA-256" }),
      answerType: "application/octet-stream",
    },
    async ({ c, param }) => {
      const format = wordOf(queryOf(c.req.raw.url), "format", formats);
      if (format === null) throw new InvalidRequestError(`format: one of ${formats.join(", ")} is needed`, "format");
      const pass = await knownPass(sql, param("pass_id"));
      if (format !== "ledger" && pass.archiveRemovedAt !== null)
        throw new ArchiveRemovedError(`${format} export`, pass);
      const request = c.req.raw;
      switch (format) {
        case "ledger":
          return ledgerFile(pass, await ledgerOf(pass));
        case "ccsds":
          return fileAnswer(request, pass, "archive", ccsdsOf(pass));
        case "csv":
        case "parquet": {
          const replay = textIn(queryOf(c.req.raw.url), "replay");
          const decoded = replay === null ? await findDecoded(sql, pass.passId) : await replayed(pass, replay);
          if (decoded === null) throw new NotFoundError(`${format} export`, pass.passId, whyUndecoded(pass));
          return fileAnswer(request, pass, `${format} export`, decoded[format], types[format]);
        }
        default:
          return format satisfies never;
      }
    },
  );
  return routes;
}

const types = { csv: "text/csv; charset=utf-8", parquet: "application/vnd.apache.parquet" } as const;

async function knownPass(sql: Sql, passId: PassId): Promise<PassRow> {
  const pass = await findPass(sql, passId);
  if (pass === null) throw new NotFoundError("pass", passId);
  return pass;
}

function ccsdsOf(pass: PassRow): NonNullable<PassRow["archive"]> {
  const { archive, passId } = pass;
  if (archive === null) throw new NotFoundError("archive", passId, `: the pass is ${pass.state}`);
  if (archive.format === "ccsds") return archive;
  throw new ConflictError(
    `Cannot export pass ${passId} as ccsds as ${pass.ship} sends ${archive.format}: take /api/pass/${passId}/archive`,
    { pass_id: passId, format: archive.format },
  );
}

function whyUndecoded({ archive, state, ship }: PassRow): string {
  if (archive === null) return `: the pass is ${state}, and decoded when it ends with packets`;
  return `: no packets of it were defined when it ended; see PUT /api/ship/${ship}`;
}

function ledgerFile({ ship, passId }: PassRow, { ledger }: KnownLedger): Response {
  return jsonText(JSON.stringify(ledger), {
    "Content-Disposition": `attachment; filename="${ship}-${passId}.ledger.json"`,
  });
}
