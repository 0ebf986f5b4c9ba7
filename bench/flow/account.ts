/** Where every message of a drill ended: for each sink, its messages in it or dead letters, none missing, and none twice where the sink can know. */
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import postgres from "postgres";
import { listKey, sinkFileOf, topics } from "./flows.ts";
import type { DrillServers } from "./servers.ts";
import type { Topics } from "./topics.ts";

/** What a sink wrote of a message. `at`: the partition and offset that it was read at, `topic:0@17`. */
interface Written {
  readonly n: number;
  readonly at: string;
}

interface SinkAccount {
  readonly sink: string;
  readonly read: number;
  readonly written: number;
  /** Of messages, and of deliveries to this sink. */
  readonly dead: number;
  readonly missing: readonly string[];
  readonly twice: readonly string[];
  /** In the sink though it is a dead letter, or never sent, or as another number; or a dead letter that should be none. */
  readonly wrong: readonly string[];
}

export interface Account {
  readonly sent: number;
  readonly unsent: readonly number[];
  /** What the topic has twice, as a broker was killed before it could say that it had it. */
  readonly sentAgain: number;
  readonly sinks: readonly SinkAccount[];
}

interface Letter {
  readonly message?: { readonly partition: string; readonly id: string };
  readonly delivery?: { readonly sink: string; readonly origin: { readonly partition: string; readonly id: string } };
}

interface Read {
  readonly n: number;
  readonly fails: boolean;
}

const atOf = ({ partition, id }: { readonly partition: string; readonly id: string }) => `${partition}@${id}`;
const parseWritten = (text: string): Written => JSON.parse(text);
const parseRead = (text: string): Read => JSON.parse(text);

export async function accountOf(
  servers: DrillServers,
  reader: Topics,
  nodeFolders: readonly string[],
  sent: number,
): Promise<Account> {
  const given = await reader.read(topics.in);
  const read = new Map(given.map((one) => [`${topics.in}:${one.partition}@${one.offset}`, parseRead(one.value)]));
  const numbers = new Set([...read.values()].map(({ n }) => n));
  const ledger = await lettersOf(servers.databaseUrl, "ledger");
  const listed = await lettersOf(servers.databaseUrl, "listed");
  const out = (await reader.read(topics.out)).map(({ value }) => parseWritten(value));
  return {
    sent,
    unsent: Array.from({ length: sent }, (_, n) => n).filter((n) => !numbers.has(n)),
    sentAgain: read.size - numbers.size,
    sinks: [
      sinkAccount("ledger/db", read, await rowsOf(servers.sinkUrl), ledger, true),
      sinkAccount("ledger/topic", read, out, ledger, false),
      sinkAccount("ledger/file", read, nodeFolders.flatMap(linesOf), ledger, false),
      sinkAccount("listed/list", read, await elementsOf(servers.redisUrl), listed, true),
    ],
  };
}

export const isWhole = ({ unsent, sinks }: Account): boolean =>
  unsent.length === 0 &&
  sinks.every(
    ({ read, written, dead, missing, twice, wrong }) =>
      missing.length + twice.length + wrong.length === 0 && read === written + dead,
  );

/** `isOnce`: the sink knows a redelivery, so that a message in it twice is a fault. */
function sinkAccount(
  sink: string,
  read: ReadonlyMap<string, Read>,
  found: readonly Written[],
  letters: readonly Letter[],
  isOnce: boolean,
): SinkAccount {
  const name = sink.split("/")[1];
  const there = new Set(found.map(({ at }) => at));
  const deadMessages = new Set(letters.flatMap(({ message }) => (message ? [atOf(message)] : [])));
  const deliveries = letters.flatMap(({ delivery }) => (delivery === undefined ? [] : [delivery]));
  const deadDeliveries = deliveries.filter((one) => one.sink === name).map(({ origin }) => atOf(origin));
  // A delivery that the sink took without being able to say so may be both.
  const dead = new Set([...deadMessages, ...deadDeliveries.filter((at) => !there.has(at))]);
  const counts = new Map<string, number>();
  for (const { at } of found) counts.set(at, (counts.get(at) ?? 0) + 1);
  return {
    sink,
    read: read.size,
    written: there.size,
    dead: dead.size,
    missing: [...read.keys()].filter((at) => !there.has(at) && !dead.has(at)),
    twice: isOnce ? [...counts].flatMap(([at, count]) => (count > 1 ? [at] : [])) : [],
    wrong: [
      ...found.filter(({ n, at }) => read.get(at)?.n !== n || deadMessages.has(at)).map(({ at }) => at),
      ...[...deadMessages].filter((at) => read.get(at)?.fails !== true),
    ],
  };
}

async function lettersOf(url: string, flow: string): Promise<readonly Letter[]> {
  const sql = postgres(url, { max: 1 });
  const rows = await sql<{ payload: string }[]>`
    select payload from job_record join job_end using (job_id)
    where job_type = ${`orrery.flow.${flow}`} and state = 'dead'`;
  await sql.end();
  return rows.map(({ payload }) => JSON.parse(payload));
}

async function rowsOf(url: string): Promise<readonly Written[]> {
  const sql = postgres(url, { max: 1 });
  const rows = await sql<Written[]>`select n, at from drill`;
  await sql.end();
  return rows;
}

async function elementsOf(url: string): Promise<readonly Written[]> {
  const redis = new Redis(url);
  const elements = await redis.lrange(listKey, 0, -1);
  redis.disconnect();
  return elements.map(parseWritten);
}

/** Half a line is what a node that was killed left: it is written again. */
function linesOf(folder: string): readonly Written[] {
  return readFileSync(sinkFileOf(folder), "utf8")
    .split("\n")
    .flatMap((line) => (line.endsWith("}") ? [JSON.parse(line).payload as Written] : []));
}
