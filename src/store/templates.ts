/** Templates and their versions. A version is written once; which one is the latest, paused and deleted may change. */
import type { Instant } from "../model/clock.ts";
import { instantText } from "./instants.ts";
import type { Sql, SqlValue } from "./sql.ts";

export interface TemplateHead {
  readonly templateId: string;
  readonly latestVersion: number;
  readonly paused: boolean;
  readonly deletedAt: Instant | null;
  readonly modifiedBy: string;
  readonly modifiedAt: Instant;
}

export interface StoredVersion {
  readonly templateId: string;
  readonly version: number;
  readonly source: string;
  readonly digest: string;
  readonly origin: "file" | "api";
  readonly createdBy: string;
  readonly createdAt: Instant;
}

const headColumns = `template_id as "templateId", latest_version as "latestVersion", paused,
  ${instantText("deleted_at")} as "deletedAt", modified_by as "modifiedBy", ${instantText("modified_at")} as "modifiedAt"`;

const versionColumns = `template_id as "templateId", version, source, digest, origin, created_by as "createdBy",
  ${instantText("created_at")} as "createdAt"`;

export interface VersionOrder {
  readonly templateId: string;
  readonly source: string;
  readonly digest: string;
  readonly origin: "file" | "api";
  readonly by: string;
  readonly at: Instant;
}

/**
 * Stores a text as the next version, unless it says nothing new: from the interface, when it is the latest one's; from a file, when it
 * is that of the last version that came from a file, so that what was changed since by the interface stays. A new version brings a
 * deleted template back; so does the interface with an old text.
 */
export function putVersion(sql: Sql, order: VersionOrder): Promise<{ version: number; isNew: boolean }> {
  const { templateId, source, digest, origin, by, at } = order;
  return sql.begin(async (tx) => {
    // Also makes two writers of one template take turns.
    await tx`insert into template (template_id, latest_version, modified_by, modified_at)
      values (${templateId}, 0, ${by}, ${at}::timestamptz) on conflict (template_id) do nothing`;
    const [head] = await tx<{ latestVersion: number; isDeleted: boolean }>`
      select latest_version as "latestVersion", deleted_at is not null as "isDeleted" from template
      where template_id = ${templateId} for update`;
    const latest = head?.latestVersion ?? 0;
    const [same] = await tx<{ version: number; digest: string }>`
      select version, digest from template_version
      where template_id = ${templateId} and (${origin} = 'api' or origin = 'file')
      order by version desc limit 1`;
    if (same?.digest === digest) {
      if (head?.isDeleted && origin === "api") await revive(tx, templateId, latest, by, at);
      return { version: latest, isNew: false };
    }
    const version = latest + 1;
    await tx`insert into template_version (template_id, version, source, digest, origin, created_by, created_at)
      values (${templateId}, ${version}::int, ${source}, ${digest}, ${origin}, ${by}, ${at}::timestamptz)`;
    await revive(tx, templateId, version, by, at);
    return { version, isNew: true };
  });
}

async function revive(tx: Sql, templateId: string, version: number, by: string, at: Instant): Promise<void> {
  await tx`update template set latest_version = ${version}::int, deleted_at = null, modified_by = ${by},
    modified_at = ${at}::timestamptz where template_id = ${templateId}`;
  await noteChange(tx);
}

async function noteChange(tx: Sql): Promise<void> {
  await tx`update template_change set change = change + 1`;
}

export async function lastTemplateChange(sql: Sql): Promise<number> {
  const [row] = await sql<{ change: number }>`select change from template_change`;
  return row?.change ?? 0;
}

export function listHeads(sql: Sql): Promise<TemplateHead[]> {
  return sql.query<TemplateHead>(`select ${headColumns} from template order by template_id`, []);
}

/** A page of versions after (`templateId`, `version`), in order. */
export function listVersionsAfter(
  sql: Sql,
  after: { readonly templateId: string; readonly version: number },
  countMax: number,
): Promise<StoredVersion[]> {
  return sql.query<StoredVersion>(
    `select ${versionColumns} from template_version where (template_id, version) > ($1, $2::int)
      order by template_id, version limit $3::int`,
    [after.templateId, after.version, countMax],
  );
}

export async function findVersion(sql: Sql, templateId: string, version: number): Promise<StoredVersion | null> {
  const [row] = await sql.query<StoredVersion>(
    `select ${versionColumns} from template_version where template_id = $1 and version = $2::int`,
    [templateId, version],
  );
  return row ?? null;
}

/** Newest first, without their texts. */
export function listVersions(sql: Sql, templateId: string, countMax: number): Promise<Omit<StoredVersion, "source">[]> {
  return sql.query<Omit<StoredVersion, "source">>(
    `select ${versionColumns.replace("source, ", "")} from template_version where template_id = $1
      order by version desc limit $2::int`,
    [templateId, countMax],
  );
}

export interface HeadChange {
  readonly templateId: string;
  readonly by: string;
  readonly at: Instant;
}

/** False: there is none, or it is so already. */
export function setTemplatePaused(sql: Sql, change: HeadChange & { readonly paused: boolean }): Promise<boolean> {
  const { templateId, by, at, paused } = change;
  return changeHead(
    sql,
    `update template set paused = $2::boolean, modified_by = $3, modified_at = $4::timestamptz
      where template_id = $1 and deleted_at is null and paused <> $2::boolean returning template_id`,
    [templateId, paused, by, at],
  );
}

/** Its versions and runs stay. False: there is none that is not deleted. */
export function deleteTemplate(sql: Sql, { templateId, by, at }: HeadChange): Promise<boolean> {
  return changeHead(
    sql,
    `update template set deleted_at = $3::timestamptz, modified_by = $2, modified_at = $3::timestamptz
      where template_id = $1 and deleted_at is null returning template_id`,
    [templateId, by, at],
  );
}

function changeHead(sql: Sql, statement: string, values: SqlValue[]): Promise<boolean> {
  return sql.begin(async (tx) => {
    const rows = await tx.query(statement, values);
    if (rows.length > 0) await noteChange(tx);
    return rows.length > 0;
  });
}
