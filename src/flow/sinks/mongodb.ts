/**
 * Writes deliveries to a collection of a MongoDB, one document `{ _id: key, payload, origin }` each. A redelivery finds its `_id` there and
 * changes nothing.
 */
import {
  type Db,
  MongoBulkWriteError,
  MongoClient,
  MongoNetworkError,
  MongoServerError,
  MongoServerSelectionError,
} from "mongodb";
import * as v from "valibot";
import { abortable } from "../../compute/abortable.ts";
import { messageOf } from "../../compute/function.ts";
import { variable } from "../../config-computes.ts";
import { SetupError } from "../../model/errors.ts";
import { isTlsFault, unusable } from "../away.ts";
import type { Delivery, Outcome, Sink } from "../sink.ts";
import { type MongoDocument, refusalOf } from "./mongodb-document.ts";
import { cannotUse, type SinkParts } from "./setup.ts";

export const mongodbSink = v.strictObject({
  kind: v.literal("mongodb"),
  /** The environment variable that holds the URL. */
  url_env: variable,
  database: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,63}$/, "must be letters, digits, _ and -, at most 63")),
  /** Made by the first write. */
  collection: v.pipe(
    v.string(),
    v.regex(
      /^(?!system\.)[A-Za-z_][A-Za-z0-9_.-]{0,119}$/,
      "must be letters, digits, ., _ and -, at most 120, and not begin with system.",
    ),
  ),
});

/** How long a server is looked for that writes can go to. */
const selectionMs = 5_000;
/** A server that was found may still go silent. */
const checkMs = 10_000;

export function createMongodbSink(
  name: string,
  { url_env, database, collection }: v.InferOutput<typeof mongodbSink>,
  { environment }: SinkParts,
): Sink {
  let open: MongoClient | null = null;

  const setupError = (reason: string) => new SetupError(`${cannotUse(name)}: ${reason}`);

  function openClient(): MongoClient {
    const url = environment[url_env];
    if (!url) throw setupError(`${url_env} is not set`);
    try {
      return new MongoClient(url, {
        appName: "orrery sink",
        maxPoolSize: 2,
        serverSelectionTimeoutMS: selectionMs,
        connectTimeoutMS: selectionMs,
      });
    } catch {
      // What is thrown may quote the URL, and that holds a password.
      throw setupError(`${url_env} does not hold a URL of MongoDB`);
    }
  }

  /** What is under way on it ends; the next call opens a new one. */
  async function close(): Promise<void> {
    const closing = open;
    open = null;
    await closing?.close(true);
  }

  async function write(documents: readonly MongoDocument[], signal: AbortSignal): Promise<readonly Outcome[]> {
    if (documents.length === 0) return [];
    open ??= openClient();
    const target = open.db(database).collection<MongoDocument>(collection);
    const writes = documents.map(({ _id, payload, origin }) => ({
      updateOne: { filter: { _id }, update: { $setOnInsert: { payload, origin } }, upsert: true },
    }));
    // Unless its URL says otherwise, written means: by a majority.
    const writeConcern = open.writeConcern ?? { w: "majority" };
    try {
      await abortable(target.bulkWrite(writes, { ordered: false, writeConcern }), signal);
      return documents.map(() => ({ kind: "ok" }));
    } catch (error) {
      if (signal.aborted) void close().catch(() => undefined); // the driver knows no other way to end what it began
      const outcomes = error instanceof MongoBulkWriteError ? outcomesOf(error, documents.length) : null;
      if (outcomes === null) throw error;
      return outcomes;
    }
  }

  async function look(db: Db): Promise<void> {
    await db.command({ ping: 1 });
    const known = await db.listCollections({ name: collection }, { authorizedCollections: true }).toArray();
    const type = known[0]?.type ?? "collection";
    if (type !== "collection") throw new Error(`${database}.${collection} is a ${type}, not a collection`);
  }

  return {
    async check() {
      open ??= openClient();
      try {
        await abortable(look(open.db(database)), AbortSignal.timeout(checkMs));
      } catch (error) {
        await close().catch(() => undefined);
        throw unusable(isAway(error), `${cannotUse(name)}: ${messageOf(error)}`);
      }
    },
    async deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<readonly Outcome[]> {
      const documents = batch.map(({ key, payload, origin }) => ({ _id: key, payload, origin }));
      const refusals = documents.map(refusalOf);
      const written = (
        await write(
          documents.filter((_, i) => refusals[i] === null),
          signal,
        )
      ).values();
      return refusals.map((reason) => {
        if (reason !== null) return { kind: "refused", reason };
        return written.next().value ?? { kind: "retry", reason: "MongoDB said nothing of it" };
      });
    },
    close,
  };
}

/** Not found, silent, or stepping down; whatever else a server answers, such as that it knows no such user, stays so. */
function isAway(error: unknown): boolean {
  if (error instanceof MongoServerError) return passingCodes.has(Number(error.code));
  if (!(error instanceof Error) || isTlsFault(error)) return false;
  const passes = error instanceof MongoServerSelectionError || error instanceof MongoNetworkError;
  return passes || error.name === "TimeoutError" || isOfDns(error);
}

/** Of a URL `mongodb+srv:` whose names cannot be looked up. */
function isOfDns(error: Error): boolean {
  return "syscall" in error && /^query(Srv|Txt)$/.test(String(error.syscall));
}

/** Of one write, by the server's own code: it steps down, is interrupted, or another writer was at the document first. */
const passingCodes = new Set([6, 7, 50, 89, 91, 112, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436]);
const duplicateKey = 11000;

/** Null: it is not known of any that it was written. The driver wraps a broken connection alike, but then with no errors of its own. */
function outcomesOf(error: MongoBulkWriteError, count: number): readonly Outcome[] | null {
  const errors = [error.writeErrors].flat();
  if (errors.length === 0 || error.result.getWriteConcernError() !== undefined) return null;
  const outcomes: Outcome[] = Array.from({ length: count }, () => ({ kind: "ok" }));
  for (const { index, code, errmsg } of errors) {
    const reason = errmsg ?? `MongoDB's error ${code}`;
    // Two that upsert one `_id` at once: the later one finds it when it is tried again. Other unique indexes are the payload's matter.
    const raced = code === duplicateKey && /index: _id_/.test(reason);
    outcomes[index] = { kind: raced || passingCodes.has(code) ? "retry" : "refused", reason };
  }
  return outcomes;
}
