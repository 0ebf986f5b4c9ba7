/** Contacts: kept, changed with the passes that were planned from them, and held while they are planned on. */
import type { Instant } from "../model/clock.ts";
import type { ContactDefinition, ContactRow } from "../model/contact.ts";
import type { Uuid } from "../model/ids.ts";
import type { PassRow } from "../model/pass.ts";
import { instantText } from "./instants.ts";
import { cancelPasses, lockPlanning } from "./pass-plan.ts";
import { array, type Sql } from "./sql.ts";

const columns = `contact, definition, version_id as "versionId", ${instantText("planned_until")} as "plannedUntil",
  ${instantText("next_at")} as "nextAt", array_to_json(ships)::text as ships,
  modified_by as "modifiedBy", ${instantText("modified_at")} as "modifiedAt"`;

type Stored = Omit<ContactRow, "definition" | "ships"> & { readonly definition: string; readonly ships: string | null };

/** Written by us as JSON of this very type. */
const rowOf = (stored: Stored): ContactRow => ({
  ...stored,
  definition: JSON.parse(stored.definition) as ContactDefinition,
  ships: stored.ships === null ? null : (JSON.parse(stored.ships) as string[]),
});

export interface ContactOrder {
  readonly contact: string;
  readonly definition: ContactDefinition;
  readonly versionId: Uuid;
  /** Whoever saves it may write for these only, so one of another ship is left as it is; null: for all. */
  readonly ships: readonly string[] | null;
  readonly by: string;
  readonly at: Instant;
}

/**
 * Saves a contact, to be planned from now on. Another definition cancels what was planned from the one before and has not begun;
 * the same one changes nothing. Returns the passes that were cancelled.
 */
export function saveContact(sql: Sql, order: ContactOrder): Promise<PassRow[]> {
  return sql.begin(async (tx) => {
    await lockPlanning(tx);
    const ships = order.ships === null ? null : array(order.ships);
    const saved = await tx`
      insert into contact as c (contact, definition, version_id, planned_until, next_at, ships, modified_by, modified_at)
      values (${order.contact}, ${JSON.stringify(order.definition)}, ${order.versionId}::uuid, now(), now(), ${ships}::text::text[], ${order.by},
        ${order.at}::timestamptz)
      on conflict (contact) do update set definition = excluded.definition, version_id = excluded.version_id,
        planned_until = excluded.planned_until, next_at = excluded.next_at, ships = excluded.ships, modified_by = excluded.modified_by,
        modified_at = excluded.modified_at
        where c.definition <> excluded.definition
          and (excluded.ships is null or c.definition::json ->> 'ship' = any(excluded.ships))
      returning contact`;
    return saved.length === 0 ? [] : await cancelAhead(tx, order.contact, "was changed", order.at);
  });
}

/** What was planned from it and has not begun is cancelled, and returned. */
export function deleteContact(
  sql: Sql,
  { contact, ships, at }: Pick<ContactOrder, "contact" | "ships" | "at">,
): Promise<PassRow[]> {
  return sql.begin(async (tx) => {
    await lockPlanning(tx);
    const own = ships === null ? null : array(ships);
    const deleted = await tx`
      delete from contact where contact = ${contact}
        and (${own}::text::text[] is null or definition::json ->> 'ship' = any(${own}::text::text[]))
      returning contact`;
    return deleted.length === 0 ? [] : await cancelAhead(tx, contact, "was deleted", at);
  });
}

async function cancelAhead(tx: Sql, contact: string, what: string, at: Instant): Promise<PassRow[]> {
  const reason = `its contact ${contact} ${what}`;
  const ahead = await tx<{ passId: string }>`
    select pass_id as "passId" from pass where contact = ${contact} and state = 'planned' and opens_at > now()`;
  return cancelPasses(
    tx,
    ahead.map(({ passId }) => ({ passId, reason })),
    at,
  );
}

export async function findContact(sql: Sql, contact: string): Promise<ContactRow | null> {
  const [row] = await sql.query<Stored>(`select ${columns} from contact where contact = $1`, [contact]);
  return row === undefined ? null : rowOf(row);
}

/** By name, those after `after`. */
export async function listContacts(sql: Sql, after: string, limit: number): Promise<ContactRow[]> {
  const rows = await sql.query<Stored>(
    `select ${columns} from contact where contact collate "C" > $1 collate "C" order by contact collate "C" limit $2::int`,
    [after, limit],
  );
  return rows.map(rowOf);
}

/** Contacts with a tick that has come near enough to be planned. */
export async function dueContacts(sql: Sql, countMax: number): Promise<string[]> {
  const rows = await sql<{ contact: string }>`
    select contact from contact where next_at <= now() order by next_at limit ${countMax}::int`;
  return rows.map(({ contact }) => contact);
}

/** Takes the row for this transaction; null while another node plans it, or when there is nothing to plan any more. */
export async function holdContact(tx: Sql, contact: string): Promise<ContactRow | null> {
  const [row] = await tx.query<Stored>(
    `select ${columns} from contact where contact = $1 and next_at <= now() for update skip locked`,
    [contact],
  );
  return row === undefined ? null : rowOf(row);
}

export async function moveContact(
  tx: Sql,
  move: { readonly contact: string; readonly plannedUntil: Instant; readonly nextAt: Instant | null },
): Promise<void> {
  await tx`
    update contact set planned_until = ${move.plannedUntil}::timestamptz, next_at = ${move.nextAt}::timestamptz
    where contact = ${move.contact}`;
}
