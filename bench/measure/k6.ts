/** Runs a k6 scenario of bench/k6 against a node, and takes the CPU of the node and of Postgres meanwhile. */
import { spawn, spawnSync } from "node:child_process";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { cpuMsOf, familyOf, memoryOf } from "./cpu.ts";
import type { MeasuredNode } from "./node.ts";

export interface LoadFigures {
  readonly requests: number;
  readonly requestsPerS: number;
  /** Server and Postgres together. */
  readonly cpuMsPerRequest: number;
  readonly serverCpuMsPerRequest: number;
  readonly postgresCpuMsPerRequest: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Checks that did not hold. */
  readonly failures: number;
  readonly rssMiB: number;
  readonly rssPeakMiB: number;
}

/** The k6 program: on the path, or where `go install` puts it. Null when there is none. */
export function findK6(): string | null {
  for (const program of ["k6", join(homedir(), "go/bin/k6")])
    if (spawnSync(program, ["version"]).status === 0) return program;
  return null;
}

interface Metrics {
  readonly http_reqs: { values: { count: number; rate: number } };
  readonly http_req_duration: { values: Record<string, number> };
  readonly checks: { values: { fails: number } };
}

export async function runK6(
  k6: string,
  scenario: string,
  node: MeasuredNode,
  env: Record<string, string>,
): Promise<LoadFigures> {
  const postgresPids = () => (node.postgresPid === null ? [] : familyOf(node.postgresPid));
  const before = { server: cpuMsOf(node.pid), postgres: postgresPids().map((pid) => [pid, cpuMsOf(pid)] as const) };
  const script = resolve(import.meta.dirname, "../k6", scenario);
  const stdout = await output(k6, ["run", "--quiet", "--no-usage-report", script], {
    ...env,
    URL: node.url,
    TOKEN: node.token,
  });
  const started = new Map(before.postgres);
  const server = cpuMsOf(node.pid) - before.server;
  const postgres = postgresPids().reduce((sum, pid) => sum + cpuMsOf(pid) - (started.get(pid) ?? 0), 0);
  const {
    http_reqs: count,
    http_req_duration: duration,
    checks,
  } = JSON.parse(stdout.slice(stdout.indexOf("{"))) as Metrics;
  const requests = count.values.count;
  const each = (cpuMs: number): number => Math.round((cpuMs / requests) * 1000) / 1000;
  const ms = (name: string): number => Math.round((duration.values[name] ?? Number.NaN) * 10) / 10;
  const memory = memoryOf(node.pid);
  return {
    requests,
    requestsPerS: Math.round(count.values.rate),
    cpuMsPerRequest: each(server + postgres),
    serverCpuMsPerRequest: each(server),
    postgresCpuMsPerRequest: each(postgres),
    p50Ms: ms("med"),
    p95Ms: ms("p(95)"),
    p99Ms: ms("p(99)"),
    maxMs: ms("max"),
    failures: checks.values.fails,
    rssMiB: memory.nowMiB,
    rssPeakMiB: memory.peakMiB,
  };
}

function output(program: string, args: string[], env: Record<string, string>): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
    });
    child.on("error", fail);
    // 99: a threshold was crossed; the figures say which, and the caller decides.
    child.on("close", (code) => (code === 0 || code === 99 ? done(text) : fail(new Error(`k6 ended with ${code}`))));
  });
}
