/** A queue under measurement: its process, its store, and the CPU that both have used. */
import { fork } from "node:child_process";
import { resolve } from "node:path";
import { cpuMsOf, familyOf } from "./cpu.ts";

export interface Cpu {
  readonly processMs: number;
  readonly storeMs: number;
}

export interface Contender {
  readonly name: string;
  readonly pid: number;
  /** Sends an order to the process; see bench/queues/child.ts. */
  order<Result>(order: "fill" | "drain" | "one" | "begin" | "records", count?: number): Promise<Result>;
  /** What `work` costs the process and the store's server, whose other clients are idle meanwhile. */
  cpuOf<Result>(work: () => Promise<Result>): Promise<Cpu & { result: Result }>;
  stop(): Promise<void>;
}

export interface ContenderOrder {
  readonly name: string;
  readonly url: string;
  readonly storePid: number;
  readonly settings?: Readonly<Record<string, number>>;
  /** Of the runtime, such as a profiler's. */
  readonly execArgv?: readonly string[];
}

export async function startContender(given: ContenderOrder): Promise<Contender> {
  const { name, url, storePid, settings = {}, execArgv = [] } = given;
  const child = fork(resolve(import.meta.dirname, "../queues/child.ts"), [name, url, JSON.stringify(settings)], {
    execArgv: [...execArgv],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const pid = child.pid ?? 0;
  const answer = <Result>() =>
    new Promise<Result>((done, failed) => {
      const end = (act: () => void) => {
        child.off("message", hear);
        child.off("exit", ended);
        act();
      };
      const hear = (message: unknown) => {
        const { result, error } = message as { result: Result; error?: string };
        end(() => (error === undefined ? done(result) : failed(new Error(`${name}: ${error}`))));
      };
      const ended = (code: number | null) => end(() => failed(new Error(`${name} ended with ${code}`)));
      child.on("message", hear);
      child.on("exit", ended);
    });
  await answer();
  const store = () => new Map(familyOf(storePid).map((one) => [one, cpuMsOf(one)]));
  return {
    name,
    pid,
    order(order, count = 0) {
      const answered = answer<never>();
      child.send({ order, count });
      return answered;
    },
    async cpuOf(work) {
      const before = { process: cpuMsOf(pid), store: store() };
      const result = await work();
      let storeMs = 0;
      for (const [one, ms] of store()) storeMs += ms - (before.store.get(one) ?? 0);
      return { result, processMs: cpuMsOf(pid) - before.process, storeMs };
    },
    async stop() {
      const gone = new Promise<void>((done) => child.once("exit", () => done()));
      child.send({ order: "stop", count: 0 });
      const killing = setTimeout(() => child.kill("SIGKILL"), 15_000);
      await gone;
      clearTimeout(killing);
    },
  };
}
