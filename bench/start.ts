// Question (P10): how long from starting the process to its first 200, on the embedded store and on Postgres, from the sources and as the
// single binary, the very first time (an empty folder or database, migrations included) and later?
// Method: spawn, ask every 5 ms, stop by SIGTERM, in rounds that alternate the kinds. Two answers are timed: /health (the process
// lives) and a search of plans (the store answers): the second one is the figure. CPU is the process's own, from /proc, at that moment.
// What would flatter it: warm file caches, so round 0 is thrown away but for the first start of the embedded store, which is shown whole.
// Postgres: BENCH_DATABASE_URL or TEST_DATABASE_URL names a server where databases may be created; without one it is left out.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import postgres from "postgres";

const { values: flags } = parseArgs({
  options: { smoke: { type: "boolean", default: false }, rounds: { type: "string", default: "5" } },
});
const rounds = flags.smoke ? 1 : Number(flags.rounds);
const server = process.env.BENCH_DATABASE_URL ?? process.env.TEST_DATABASE_URL;
const binary = resolve(import.meta.dirname, "../dist/orrery");
const programs: Record<string, string[]> = {
  source: [process.execPath, resolve(import.meta.dirname, "../src/main.ts")],
  ...(existsSync(binary) && { binary: [binary] }),
};
const startMsMax = 60_000;

interface Start {
  readonly healthMs: number;
  readonly answerMs: number;
  readonly cpuMs: number;
  readonly rssMiB: number;
}

async function start(program: readonly string[], env: Record<string, string>, cwd: string): Promise<Start> {
  const port = await freePort();
  const beginMs = performance.now();
  const child = spawn(program[0] ?? "", [...program.slice(1), "serve", "--no-example", "--port", String(port)], {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, LOG_LEVEL: "warn", ...env },
    stdio: "ignore",
  });
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  try {
    await until200(`http://127.0.0.1:${port}/health`);
    const healthMs = performance.now() - beginMs;
    await until200(`http://127.0.0.1:${port}/api/plan/search?search_by=&page=0`);
    const answerMs = performance.now() - beginMs;
    return { healthMs, answerMs, ...usageOf(child.pid ?? 0) };
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

async function until200(url: string): Promise<void> {
  const endMs = performance.now() + startMsMax;
  while (performance.now() < endMs) {
    const status = await fetch(url).then(
      async (answer) => {
        await answer.arrayBuffer();
        return answer.status;
      },
      () => 0,
    );
    if (status === 200) return;
    await sleep(5);
  }
  throw new Error(`${url} did not answer 200 within ${startMsMax} ms`);
}

/** Clock ticks are 10 ms on Linux. */
function usageOf(pid: number): { cpuMs: number; rssMiB: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * 10, rssMiB: (Number(fields[21]) * 4096) / 1024 / 1024 };
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => done(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

async function onServer(statement: string): Promise<void> {
  const sql = postgres(server ?? "", { max: 1, onnotice: () => {} });
  await sql.unsafe(statement).finally(() => sql.end());
}

/** One folder and, on Postgres, one database: started twice. */
async function pair(program: readonly string[], store: string): Promise<{ first: Start; later: Start }> {
  const cwd = mkdtempSync(join(tmpdir(), "orrery-start-"));
  const name = `orrery_start_${randomBytes(6).toString("hex")}`;
  const env: Record<string, string> = {};
  if (store === "postgres") {
    await onServer(`create database ${name}`);
    env.DATABASE_URL = Object.assign(new URL(server ?? ""), { pathname: `/${name}` }).href;
  }
  try {
    return { first: await start(program, env, cwd), later: await start(program, env, cwd) };
  } finally {
    if (store === "postgres") await onServer(`drop database ${name} with (force)`);
    rmSync(cwd, { recursive: true, force: true });
  }
}

const stores = server ? ["embedded", "postgres"] : ["embedded"];
const starts = new Map<string, Start[]>();
for (let round = flags.smoke ? 1 : 0; round <= rounds; round++) {
  for (const store of stores) {
    for (const [name, program] of Object.entries(programs)) {
      const { first, later } = await pair(program, store);
      for (const [when, measured] of Object.entries({ first, later })) {
        const key = `${store} ${name} ${when}`;
        if (round === 0) console.error(`cold: ${key}: ${Math.round(measured.answerMs)} ms`);
        else starts.set(key, [...(starts.get(key) ?? []), measured]);
      }
    }
  }
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const results = [...starts].map(([key, measured]) => {
  const [store, program, when] = key.split(" ");
  const of = (field: keyof Start): number => Math.round(median(measured.map((one) => one[field])));
  const answersMs = measured.map(({ answerMs }) => Math.round(answerMs));
  return {
    store,
    program,
    when,
    healthMs: of("healthMs"),
    answerMs: of("answerMs"),
    answersMs,
    cpuMs: of("cpuMs"),
    rssMiB: of("rssMiB"),
  };
});
console.log(JSON.stringify({ bench: "start", target: "P10", rounds, results }, null, 2));
