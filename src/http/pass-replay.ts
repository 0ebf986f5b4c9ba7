/** `POST /pass/{pass_id}/replay`: an archived pass through the ship's definition of today, into a plan of its own. */
import type { OpenAPIHono, z } from "@hono/zod-openapi";
import { paramsOf } from "../ground/pass-params.ts";
import {
  ConflictError,
  IdempotencyKeyReusedError,
  InvalidFieldError,
  NotFoundError,
  RuleBrokenError,
} from "../model/errors.ts";
import { derivedUuid, newUuid } from "../model/ids.ts";
import { ownQueue } from "../model/job.ts";
import { hasEnded, type PassArchive, type PassRow } from "../model/pass.ts";
import { ArchiveRemovedError } from "../model/pass-errors.ts";
import { insertReplay, type ReplayRow, replayType } from "../store/pass-replays.ts";
import { findPass } from "../store/passes.ts";
import { indexPathOf, isThere } from "../telemetry/archive-index.ts";
import { planOf } from "../templates/plan-of.ts";
import { knownLedger } from "./known-ledgers.ts";
import { type Asked, guardedOperation } from "./operation.ts";
import { checkedKey, digestOf } from "./origin.ts";
import type { AppParts } from "./parts.ts";
import { shipsOfPass } from "./pass-extend.ts";
import { Replay, ReplayParam } from "./pass-replay-schemas.ts";

type Ask = Asked<z.output<typeof ReplayParam>>;

/** What every plan of a replay is given. */
const reserved = ["pass", "ship", "ledger", "telemetry", "replay"];

export function addReplayRoute(routes: OpenAPIHono, parts: AppParts): void {
  const { auth, database, due, clock } = parts;

  guardedOperation<z.output<typeof ReplayParam>>(
    routes,
    auth,
    {
      method: "post",
      path: "/pass/{pass_id}/replay",
      role: "publish",
      audit: "pass.replay",
      ships: ({ param }) => shipsOfPass(database.sql, param("pass_id")),
      summary: "Decode an archived pass anew by its ship's definition of today, into a new plan",
      tag: "pass",
      body: ReplayParam,
      badField: 422,
      answer: Replay,
      accepted: true,
    },
    async (ask) => {
      const { sql } = database;
      const pass = await replayable(parts, ask.param("pass_id"));
      const { template, params } = await checkedParams(parts, ask, pass);
      const key = ask.c.req.raw.headers.get("idempotency-key");
      const replayId =
        key === null ? newUuid() : derivedUuid("replay", ask.caller.service, pass.passId, checkedKey(key));
      const requestDigest = digestOf(ask.bodyText);
      const row = await insertReplay(sql, {
        ...{ replayId, passId: pass.passId, template, requestDigest, archive: pass.archive },
        params: JSON.stringify(params),
        datasetId: derivedUuid("replay", replayId),
        ...{ by: ask.caller.service, at: clock.now() },
      });
      if (row === null) throw new NotFoundError("replay", replayId);
      if (row.requestDigest !== requestDigest) throw new IdempotencyKeyReusedError(key ?? "");
      due.announce([{ queue: ownQueue, jobType: replayType, keyed: false }]);
      ask.wrote(`/pass/${pass.passId}/replay/${replayId}`);
      return Response.json(shownReplay(row), { status: 202 });
    },
  );
}

async function replayable(
  { database }: AppParts,
  passId: string,
): Promise<PassRow & { readonly archive: PassArchive }> {
  const pass = await findPass(database.sql, passId);
  if (pass === null) throw new NotFoundError("pass", passId);
  const { state, node, archive } = pass;
  const refuse = (why: string): never => {
    throw new ConflictError(`Cannot replay pass ${passId} as ${why}`, { pass_id: passId, state });
  };
  if (!hasEnded(state)) return refuse(`it is ${state}: wait for its end`);
  if (node !== null) return refuse("it is being archived at this moment: try again shortly");
  if (pass.archiveRemovedAt !== null) throw new ArchiveRemovedError("archive", pass);
  if (archive === null) return refuse(`it is ${state} and has no archive: nothing was received`);
  if ((await isThere(archive.path)) && (await isThere(indexPathOf(archive.path)))) return { ...pass, archive };
  return refuse(
    `its archive does not lie on this node (${archive.path}, with its index): ask the node that received the pass, or let the nodes share their data directory; one that was removed, or that an earlier version wrote, cannot be replayed`,
  );
}

/** Tells now what would be wrong with its plan only when it is made. */
async function checkedParams(
  { templates, database, ground, clock }: AppParts,
  { body }: Ask,
  pass: PassRow & { readonly archive: PassArchive },
): Promise<{ template: string; params: Readonly<Record<string, unknown>> }> {
  const id = body.template ?? pass.template;
  if (id === null)
    throw new RuleBrokenError(`Pass ${pass.passId} has no template: name the one that its replay is to become`, {
      field: "template",
    });
  const template = templates.get(id);
  if (template === undefined)
    throw new InvalidFieldError(
      "template",
      `there is no template "${id}": GET /api/template and \`orrery template list\` show those there are`,
    );
  const params = body.params ?? {};
  const taken = reserved.find((name) => Object.hasOwn(params, name));
  if (taken !== undefined) throw new InvalidFieldError(`params.${taken}`, "it is given by the replay itself");
  const known = await knownLedger({ sql: database.sql, ground, clock }, pass);
  const given = known === null ? {} : paramsOf(pass, known.ledger, pass.archive, null);
  planOf(template, { datasetId: pass.passId, params: { ...params, ...given, replay: {} } });
  return { template: id, params };
}

export function shownReplay(row: ReplayRow): z.output<typeof Replay> {
  const { replayId, passId, datasetId, template, state, error, definitionSha256, decoded, isSame } = row;
  return {
    ...{ id: replayId, pass_id: passId, dataset_id: datasetId, template, state, error },
    definition_sha256: definitionSha256,
    is_same: isSame,
    csv: decoded?.csv.path ?? null,
    parquet: decoded?.parquet.path ?? null,
    by: row.createdBy,
    at: row.createdAt,
    finished_date: row.finishedAt,
  };
}
