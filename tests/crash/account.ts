/**
 * Holds a store against the clients' ledger: every acknowledged write has exactly one event, every other write one or none,
 * and the events in their order, played on a second writing-down of the rules, give what is stored and shown.
 */
import assert from "node:assert/strict";
import type { DatasetId } from "../../src/model/ids.ts";
import type { Sql } from "../../src/store/sql.ts";
import { OraclePlan } from "../simulation/oracle.ts";
import type { PlanBody, Sent } from "./ledger.ts";

interface EventRow {
  readonly datasetId: DatasetId;
  readonly revision: number;
  readonly part: number;
  readonly turnId: string;
  readonly at: string;
  readonly service: string;
  readonly cause: string;
  readonly changes: string;
}

/**
 * `shown`: what GET answers for each dataset, once nobody writes any more. Returns how many events there are, and how many of
 * them nobody was told of.
 */
export async function assertAccounted(
  sql: Sql,
  ledger: readonly Sent[],
  shown: ReadonlyMap<DatasetId, PlanBody>,
): Promise<{ events: number; untold: number }> {
  const events = await sql<EventRow>`
    select dataset_id as "datasetId", revision, part, turn_id as "turnId", service, cause, changes,
      to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as at
    from event order by dataset_id, revision, part`;
  assert.equal(new Set(events.map(({ turnId }) => turnId)).size, events.length, "a turn has two events");
  const heads = await sql<{ datasetId: DatasetId; revision: number }>`
    select dataset_id as "datasetId", revision from dataset_head`;
  const datasetIds = new Set([...heads, ...ledger].map(({ datasetId }) => datasetId));
  let untold = 0;
  for (const datasetId of datasetIds) {
    const own = events.filter((event) => event.datasetId === datasetId);
    const sent = ledger.filter((one) => one.datasetId === datasetId);
    const revisions = own.map(({ revision }) => revision);
    assert.deepEqual(
      revisions,
      own.map((_, i) => i + 1),
      `the events of ${datasetId} have gaps`,
    );
    const head = heads.find((one) => one.datasetId === datasetId)?.revision ?? 0;
    assert.equal(head, own.length, `${datasetId} is not at the revision of its last event`);
    const writes = attribute(own, sent);
    for (const { acknowledged } of writes.values()) if (acknowledged === null) untold += 1;
    assertReplays(own, writes, shown.get(datasetId));
  }
  await assertAnswersKept(sql, ledger);
  return { events: events.length, untold };
}

/**
 * Whose event is whose. A client sends one request after the other: its events are in the order of its ledger, and between two
 * that were acknowledged there is room for those of which it never heard.
 */
function attribute(events: readonly EventRow[], ledger: readonly Sent[]): Map<EventRow, Sent> {
  const writes = new Map<EventRow, Sent>();
  for (const service of new Set([...events, ...ledger].map((one) => one.service))) {
    const own = events.filter((event) => event.service === service);
    let next = 0;
    let unheard: Sent[] = [];
    const takeUnheard = (end: number): void => {
      const between = own.slice(next, end);
      const extra = `${service} has ${between.length} events for ${unheard.length} writes that were not acknowledged`;
      assert(between.length <= unheard.length, `applied twice: ${extra}`);
      for (const [i, event] of between.entries()) {
        const sent = unheard[i];
        if (sent) writes.set(event, sent);
      }
      unheard = [];
    };
    for (const sent of ledger.filter((one) => one.service === service)) {
      const { acknowledged, command } = sent;
      if (acknowledged === null) {
        unheard.push(sent);
        continue;
      }
      const found = own.findIndex((event, i) => i >= next && event.at === acknowledged.at);
      const event = own[found];
      assert(event, `missing: ${command.type} of ${service} at ${acknowledged.at}, which was acknowledged`);
      if (acknowledged.revision !== null) assert.equal(event.revision, acknowledged.revision, "another revision");
      takeUnheard(found);
      writes.set(event, sent);
      next = found + 1;
    }
    takeUnheard(own.length);
  }
  return writes;
}

interface Replayed {
  state: string;
  runId: string | null;
  link: string | null;
  by: string;
  at: string;
}

function assertReplays(
  events: readonly EventRow[],
  writes: ReadonlyMap<EventRow, Sent>,
  shown: PlanBody | undefined,
): void {
  const oracle = new OraclePlan();
  const products = new Map<string, Replayed>();
  let dataset = { extra: "null", by: "", at: "" };
  for (const event of events) {
    const command = writes.get(event)?.command;
    assert(command, `nobody sent ${event.cause} of ${event.service}`);
    assert.equal(event.cause, command.type);
    const changes: [string | null, string | null, string][] = JSON.parse(event.changes);
    const { service: by, at } = event;
    for (const [id, from, to] of changes) {
      if (id === null) continue;
      const before = products.get(id);
      assert.equal(from, before?.state ?? null, `revision ${event.revision} moves ${id} from where it is not`);
      products.set(id, { runId: null, link: null, ...before, state: to, by, at });
    }
    if (command.type === "plan.publish") dataset = { extra: command.extra ?? "null", by, at };
    if (command.type === "products.update") {
      for (const { productId, runId, link } of command.reports) {
        const row = products.get(productId);
        if (row) Object.assign(row, { runId, link });
      }
    }
    oracle.apply(command);
    for (const [id, { state }] of oracle.products) {
      assert.equal(products.get(id)?.state, state, `${id} after revision ${event.revision}, by the rules ${state}`);
    }
  }
  const rows = (shown?.data_products ?? []).map((row): [string, Replayed] => [
    row.id,
    { state: row.state, runId: row.run_id, link: row.link, by: row.modified_by, at: row.modified_date },
  ]);
  assert.deepEqual(new Map(rows.sort()), new Map([...products].sort()), "the events do not give what is shown");
  if (shown === undefined) return;
  const { extra, modified_by: shownBy, modified_date: shownAt } = shown.dataset;
  assert.deepEqual({ extra: JSON.stringify(extra), by: shownBy, at: shownAt }, dataset);
}

/** What was answered under a key is what is kept under it. */
async function assertAnswersKept(sql: Sql, ledger: readonly Sent[]): Promise<void> {
  const kept = await sql<{ key: string; answer: string }>`select key, answer from idempotency`;
  const answers = new Map(kept.map(({ key, answer }) => [key, answer]));
  assert.equal(answers.size, kept.length, "a key is kept twice");
  for (const { key, acknowledged } of ledger) {
    if (key !== null && acknowledged) assert.equal(answers.get(key), acknowledged.text, "another answer is kept");
  }
}
