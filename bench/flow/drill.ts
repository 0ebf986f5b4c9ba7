/**
 * The rolling outage drill of message flows: `npm run drill -- [--fast] [--runs N] [--seed N] [--logs folder]`.
 *
 * Question: does every message end in every sink of its flows or as a dead letter, once where the sink can know, while each node, the
 * broker, Redis and Postgres are killed with SIGKILL in turn?
 * Method: servers and two nodes of its own; two flows on one topic, in groups of their own; phases of load meanwhile; then it waits until
 * both groups have committed everything, and counts what is where. Fails when anything is missing, twice or wrong.
 * What would flatter it: asking the nodes. The sinks are asked what they have, and what was sent is what the topic has, read by another client.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { type Account, accountOf, isWhole } from "./account.ts";
import { groups, tableDdl, topics, writeNodeFolder } from "./flows.ts";
import { fastPhases, sendPhases, wholePhases } from "./load.ts";
import { type KeptNode, keepNode } from "./nodes.ts";
import { type DrillServers, type Killable, startServers } from "./servers.ts";
import { openTopics, type Topics } from "./topics.ts";

const { values: flags } = parseArgs({
  options: {
    fast: { type: "boolean", default: false },
    runs: { type: "string", default: "1" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    logs: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (flags.help) {
  console.log(`npm run drill -- [--fast] [--runs N] [--seed N] [--logs folder]

  --fast    fewer messages and shorter phases: about a minute instead of two
  --runs    how many, one after the other (1); each has the seed after the one before
  --seed    of the messages: the same seed sends the same
  --logs    where the nodes' logs go when a run fails`);
  process.exit(0);
}
const phases = flags.fast ? fastPhases : wholePhases;
/** How long a victim is away, and how long all are well before the next one. */
const [awayMs, wellMs] = flags.fast ? [1_500, 1_500] : [3_000, 5_000];
const lagMsMax = 180_000;
const startedMs = performance.now();
const passed = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const say = (text: string) =>
  console.log(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(7)} s  ${text}`);

/** A node that is killed with a service finds it away when it starts. */
const turns = [
  ["node 1"],
  ["node 2"],
  ["broker"],
  ["redis"],
  ["postgres"],
  ["broker", "node 1"],
  ["postgres", "node 2"],
];

async function killInTurn(victims: Readonly<Record<string, Killable>>): Promise<void> {
  for (const names of turns) {
    await passed(wellMs);
    const killed = names.flatMap((name) => victims[name] ?? []);
    say(`SIGKILL to ${names.join(" and ")}`);
    await Promise.all(killed.map((one) => one.kill()));
    const [first, ...others] = killed;
    await Promise.all(others.map((one) => one.startAgain()));
    await passed(awayMs);
    await first?.startAgain();
  }
}

async function untilCommitted(reader: Topics): Promise<void> {
  const endMs = performance.now() + lagMsMax;
  for (;;) {
    const lags = await Promise.all(Object.values(groups).map((group) => reader.lagOf(group, topics.in)));
    if (lags.every((lag) => lag === 0)) return;
    if (performance.now() > endMs) return say(`after ${lagMsMax / 1000} s not committed yet: ${lags.join(", ")}`);
    await passed(500);
  }
}

async function prepare(servers: DrillServers, reader: Topics): Promise<void> {
  const sql = postgres(servers.sinkUrl, { max: 1 });
  await sql.unsafe(tableDdl);
  await sql.end();
  await reader.make(topics.in, 4);
  await reader.make(topics.out, 4);
}

function show({ sent, unsent, sentAgain, sinks }: Account): void {
  say(`${sent} sent, ${unsent.length} of them not in the topic, ${sentAgain} in it twice`);
  console.table(
    sinks.map(({ missing, twice, wrong, ...one }) => ({
      ...one,
      ...{ missing: missing.length, twice: twice.length, wrong: wrong.length },
    })),
  );
  for (const { sink, missing, twice, wrong } of sinks)
    for (const [what, list] of Object.entries({ missing, twice, wrong }))
      if (list.length > 0) say(`${sink}, ${what}: ${list.slice(0, 10).join(" ")}`);
}

async function sendAll(reader: Topics, seed: number): Promise<number> {
  let name = "";
  await sendPhases(phases, seed, async (messages, phase) => {
    if (phase.name !== name) say(`${phase.name}: ${phase.count} messages`);
    name = phase.name;
    const values = messages.map((message) => JSON.stringify(message));
    await reader.send(topics.in, values);
  });
  return phases.reduce((sum, { count }) => sum + count, 0);
}

/** Of the run under way. */
let stopRun = async (): Promise<void> => {};
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void stopRun().finally(() => process.exit(130)));

async function run(seed: number): Promise<boolean> {
  const starting = startServers();
  stopRun = async () => (await starting).stop(); // also of one that is interrupted before all have started
  const servers = await starting;
  const nodes: KeptNode[] = [];
  const reader = openTopics(servers.kafka);
  let whole = false;
  stopRun = async () => {
    await Promise.all(nodes.map((node) => node.kill()));
    await reader.close();
    await servers.stop();
  };
  try {
    await prepare(servers, reader);
    const folders = ["one", "two"].map((name) => join(servers.folder, name));
    for (const folder of folders) {
      writeNodeFolder(folder, servers.kafka);
      const env = { DATABASE_URL: servers.databaseUrl, SINK_URL: servers.sinkUrl };
      const node = keepNode(folder, { ...env, REDIS_URL: servers.redisUrl, SINK_REDIS_URL: servers.redisUrl });
      nodes.push(node);
      await node.ready;
    }
    const victims = Object.fromEntries(nodes.map((node, at) => [`node ${at + 1}`, node]));
    const { broker, redis, postgres: database } = servers;
    const [, sent] = await Promise.all([
      killInTurn({ ...victims, broker, redis, postgres: database }),
      sendAll(reader, seed),
    ]);
    say("all are sent, all run again");
    await untilCommitted(reader);
    const account = await accountOf(servers, reader, folders, sent);
    show(account);
    say(`nodes ended by themselves ${nodes.map(({ ends }) => ends).join(" and ")} times`);
    whole = isWhole(account);
    return whole;
  } finally {
    if (!whole && flags.logs !== undefined) {
      mkdirSync(flags.logs, { recursive: true });
      for (const [at, node] of nodes.entries()) writeFileSync(join(flags.logs, `${seed}-${at + 1}.log`), node.log());
    }
    await stopRun();
  }
}

const runs = Number(flags.runs);
let good = 0;
for (let at = 0; at < runs; at++) {
  const seed = Number(flags.seed) + at;
  say(`run ${at + 1} of ${runs}, seed ${seed}`);
  const isGood = await run(seed).catch((error: unknown) => {
    console.error(error);
    return false;
  });
  if (isGood) good += 1;
  say(isGood ? "every message is accounted for" : `FAILED: seed ${seed}`);
}
console.log(`${good} of ${runs} runs passed`);
process.exit(good === runs ? 0 : 1);
