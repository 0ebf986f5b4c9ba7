/**
 * The group commit: one statement applies the steps of many datasets, each one whole or not at all. One statement is one
 * round trip and one transaction. Here its parameters: a table for each kind of row, a column each.
 */
import type { DatasetId, JobId } from "../model/ids.ts";
import type { ProductRow } from "../model/plan.ts";
import { expectationColumns } from "./expectations.ts";
import { parametersOf } from "./parameter-table.ts";
import { commitStatement, type PartName } from "./plan-commit-statement.ts";
import type { CommitOutcome, JobMove, Step } from "./plan-store.ts";
import { array, type Sql, type SqlValue } from "./sql.ts";

type Column = readonly SqlValue[];

interface Part {
  readonly name: PartName;
  readonly columns: readonly Column[];
}

export async function commitSteps(sql: Sql, steps: readonly Step[]): Promise<CommitOutcome> {
  const stepColumns = columnsOf(steps, (step) => [step.datasetId, step.base, step.next, step.modifiedAt]);
  const parts = partsOf(steps);
  const values = [stepColumns, ...parts.map((part) => part.columns)].flatMap(parametersOf);
  const rows = await sql.query<{ datasetId: DatasetId; jobId: JobId | null; leases: boolean }>(
    commitStatement(parts.map((part) => part.name)),
    values,
  );
  const won = new Set<DatasetId>();
  const superseded = new Set<JobId>();
  for (const row of rows) {
    if (row.jobId === null) won.add(row.datasetId);
    else superseded.add(row.jobId);
  }
  return { won, superseded, leases: rows[0]?.leases ?? false };
}

function partsOf(steps: readonly Step[]): Part[] {
  const parts: Part[] = [];
  const add = (name: Part["name"], rows: readonly SqlValue[][]): void => {
    if (rows.length > 0) parts.push({ name, columns: columnsOf(rows, (row) => row) });
  };
  const each = <T>(
    of: (step: Step) => readonly T[],
    row: (item: T, datasetId: DatasetId) => SqlValue[],
  ): SqlValue[][] => {
    const rows: SqlValue[][] = [];
    for (const step of steps) for (const item of of(step)) rows.push(row(item, step.datasetId));
    return rows;
  };
  add(
    "jobMove",
    each(
      (s) => s.jobMoves,
      (m, id) => [
        m.jobId,
        id,
        m.fence,
        m.onlyIfExpired,
        m.to,
        m.runInMs,
        m.begins,
        givesBack(m),
        m.reason,
        m.report?.error ?? null,
        m.at,
        ...ending(m),
      ],
    ),
  );
  add(
    "dataset",
    each(
      (s) => (s.dataset ? [{ row: s.dataset, names: s.names?.toLowerCase() ?? null }] : []),
      ({ row: d, names }, id) => [id, d.paused, d.extra, d.modifiedBy, d.modifiedAt, searchBody(id, d.extra), names],
    ),
  );
  add(
    "defined",
    each(
      (s) => s.defined,
      (p, id) => [id, p.productId, p.compute, p.name, p.version, p.eager, p.passthrough, p.extra, ...standing(p)],
    ),
  );
  add(
    "moved",
    each(
      (s) => s.moved,
      (p, id) => [id, p.productId, ...standing(p)],
    ),
  );
  add(
    "dependency",
    each(
      (s) => s.dependencies,
      (e, id) => [id, e.parentId, e.childId, e.extra, e.modifiedBy, e.modifiedAt],
    ),
  );
  add(
    "expectation",
    each((s) => s.expectations ?? [], expectationColumns),
  );
  add(
    "event",
    each(
      (s) => s.events,
      (e, id) => [
        id,
        e.revision,
        e.part,
        e.turnId,
        e.at,
        e.service,
        e.cause,
        JSON.stringify(
          e.changes.map((c) =>
            c.why === undefined ? [c.productId, c.from, c.to] : [c.productId, c.from, c.to, c.why],
          ),
        ),
      ],
    ),
  );
  add(
    "job",
    each(
      (s) => s.jobs,
      (j, id) => [
        j.jobId,
        id,
        j.productId,
        j.queue,
        j.jobType,
        j.state,
        j.attemptsMax,
        j.requires.length === 0 ? null : array(j.requires),
        j.priority ?? 0,
        j.by,
        j.at,
        j.lease?.workerId ?? null,
        j.lease?.leaseMs ?? null,
        j.lease?.policyVersion ?? null,
      ],
    ),
  );
  add(
    "attempt",
    each(
      (s) => s.jobMoves.filter((move) => !ends(move)),
      (m, id) => [
        m.jobId,
        m.fence,
        m.report?.attempt ?? null,
        id,
        m.report?.workerId ?? null,
        m.report?.startedAt ?? null,
        m.report?.finishedAt ?? null,
        m.report?.outcome ?? null,
        m.report?.code ?? null,
        m.report?.error ?? null,
        m.report?.output ?? null,
      ],
    ).filter((row) => row[2] !== null),
  );
  add(
    "answer",
    each(
      (s) => s.answers,
      (a) => [a.scope, a.service, a.route, a.key, a.digest, a.answer, a.at],
    ),
  );
  return parts;
}

/** What moves of a product. */
const standing = ({ state, runId, link, passback, jobId, modifiedBy, modifiedAt }: ProductRow): SqlValue[] => [
  state,
  runId,
  link,
  passback,
  jobId,
  modifiedBy,
  modifiedAt,
];

const ends = ({ to }: JobMove): boolean => to === "succeeded" || to === "dead" || to === "cancelled";

/** The attempt that ends a job stands in its end. */
function ending(move: JobMove): SqlValue[] {
  const report = ends(move) ? move.report : null;
  if (report === null) return [null, null, null, null, null, null];
  return [report.workerId, report.startedAt, report.finishedAt, report.outcome, report.code, report.output];
}

/** Its attempt counts as none: a stopping node gave it back, or its compute until later. */
const givesBack = ({ to, report }: JobMove): boolean =>
  to === "queued" && (report?.outcome === "cancelled" || report?.outcome === "deferred");

/** What a search looks at: the id and the JSON of `extra`, in lower case, on two lines. */
function searchBody(datasetId: DatasetId, extra: string | null): string {
  return extra === null ? datasetId : `${datasetId}\n${extra.toLowerCase()}`;
}

function columnsOf<Row>(rows: readonly Row[], row: (item: Row) => readonly SqlValue[]): Column[] {
  const columns: SqlValue[][] = [];
  for (const item of rows) {
    row(item).forEach((value, i) => {
      const column = columns[i];
      if (column) column.push(value);
      else columns[i] = [value];
    });
  }
  return columns;
}
