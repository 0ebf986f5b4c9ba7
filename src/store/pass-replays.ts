/** Replays of archived passes: asked for once, noted when they are decoded, listed by pass. */
import type { Instant } from "../model/clock.ts";
import type { DatasetId, Uuid } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import type { DecodedPass, PassArchive, PassId } from "../model/pass.ts";
import { enqueueInstantiation, enqueueOwn } from "./instantiations.ts";
import { instantText } from "./instants.ts";
import type { Sql } from "./sql.ts";

/** The type of jobs that replay a pass. */
export const replayType = "orrery.replay";

export const replayStates = ["queued", "done", "failed"] as const;
export type ReplayState = (typeof replayStates)[number];

export interface ReplayOrder {
  readonly replayId: Uuid;
  readonly passId: PassId;
  readonly template: string;
  readonly params: JsonText;
  readonly datasetId: DatasetId;
  readonly requestDigest: string;
  readonly archive: PassArchive;
  readonly by: string;
  readonly at: Instant;
}

export interface ReplayRow extends Omit<ReplayOrder, "by" | "at"> {
  readonly state: ReplayState;
  readonly error: string | null;
  readonly definitionSha256: string | null;
  readonly decoded: DecodedPass | null;
  readonly isSame: boolean | null;
  readonly createdBy: string;
  readonly createdAt: Instant;
  readonly finishedAt: Instant | null;
}

type Stored = Omit<ReplayRow, "archive" | "decoded"> & { readonly archive: string; readonly decoded: string | null };

const columns = `replay_id as "replayId", pass_id as "passId", template, params, dataset_id as "datasetId",
  request_digest as "requestDigest", archive, state, error, definition_sha256 as "definitionSha256", decoded, is_same as "isSame",
  created_by as "createdBy", ${instantText("created_at")} as "createdAt", ${instantText("finished_at")} as "finishedAt"`;

function rowOf({ archive, decoded, ...rest }: Stored): ReplayRow {
  // Written by us as JSON of these very types.
  return {
    ...rest,
    archive: JSON.parse(archive) as PassArchive,
    decoded: decoded === null ? null : (JSON.parse(decoded) as DecodedPass),
  };
}

/** With the job that does it. The row that is there, if it was asked for before: whether by the same body, its digest tells. */
export function insertReplay(sql: Sql, order: ReplayOrder): Promise<ReplayRow | null> {
  const { replayId, at } = order;
  return sql.begin(async (tx) => {
    const rows = await tx`
      insert into pass_replay (replay_id, pass_id, template, params, dataset_id, request_digest, archive, state, created_by, created_at)
      values (${replayId}::uuid, ${order.passId}::uuid, ${order.template}, ${order.params}, ${order.datasetId}::uuid,
        ${order.requestDigest}, ${JSON.stringify(order.archive)}, 'queued', ${order.by}, ${at}::timestamptz)
      on conflict (replay_id) do nothing returning replay_id`;
    if (rows.length > 0)
      await enqueueOwn(tx, {
        source: "replay.decode",
        sourceKey: replayId,
        jobType: replayType,
        payload: JSON.stringify({ replayId }),
        at,
      });
    return findReplay(tx, replayId);
  });
}

export async function findReplay(sql: Sql, replayId: Uuid): Promise<ReplayRow | null> {
  const [row] = await sql.query<Stored>(`select ${columns} from pass_replay where replay_id = $1::uuid`, [replayId]);
  return row === undefined ? null : rowOf(row);
}

/** The newest first. */
export async function listReplays(sql: Sql, passId: PassId, countMax: number): Promise<ReplayRow[]> {
  const rows = await sql.query<Stored>(
    `select ${columns} from pass_replay where pass_id = $1::uuid order by created_at desc, replay_id limit $2::int`,
    [passId, countMax],
  );
  return rows.map(rowOf);
}

/** The archives that replays of a pass are made of. */
export async function listReplayedArchives(sql: Sql, passId: PassId): Promise<PassArchive[]> {
  const rows = await sql<{ archive: string }>`select distinct archive from pass_replay where pass_id = ${passId}::uuid`;
  // Written by us as JSON of this type.
  return rows.map(({ archive }) => JSON.parse(archive) as PassArchive);
}

export interface ReplayEnd {
  readonly definitionSha256: string | null;
  readonly decoded: DecodedPass | null;
  readonly isSame: boolean;
  /** What its plan is given. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly at: Instant;
}

/** It is decoded, and its plan is asked for: one commit, once. */
export async function finishReplay(sql: Sql, replay: ReplayRow, end: ReplayEnd): Promise<void> {
  const { replayId, template: templateId, datasetId } = replay;
  const { params, at } = end;
  await sql.begin(async (tx) => {
    const rows = await tx`
      update pass_replay set state = 'done', error = null, definition_sha256 = ${end.definitionSha256},
        decoded = ${end.decoded === null ? null : JSON.stringify(end.decoded)}, is_same = ${end.isSame}::boolean,
        finished_at = ${at}::timestamptz
      where replay_id = ${replayId}::uuid and state <> 'done' returning replay_id`;
    if (rows.length === 0) return;
    await enqueueInstantiation(tx, { source: "replay", sourceKey: replayId, templateId, datasetId, params, at });
  });
}

/** `isOver`: it is not tried again. */
export async function failReplay(sql: Sql, replayId: Uuid, error: string, isOver: boolean, at: Instant): Promise<void> {
  await sql`
    update pass_replay set error = ${error}, state = case when ${isOver}::boolean then 'failed' else state end,
      finished_at = case when ${isOver}::boolean then ${at}::timestamptz end
    where replay_id = ${replayId}::uuid and state <> 'done'`;
}
