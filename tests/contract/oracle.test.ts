/** Random sequences of writes through HTTP, compared after each one with a naive model of the contract. A failure prints its seed. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { Scene } from "../support/http.ts";
import { type Answer, openTestRuntime, type TestRuntime } from "../support/runtime.ts";
import { type Command, Oracle } from "./oracle.ts";

let api: TestRuntime;
before(async () => {
  api = await openTestRuntime();
});
after(() => api.stop());

/** Few products, so that commands meet; the last is rarely published, so that sometimes one is missing. */
const common = fc.nat(4);
const product = fc.oneof({ weight: 12, arbitrary: common }, { weight: 1, arbitrary: fc.constant(5) });
const sequencesMax = Number(process.env.ORACLE_SEQUENCES ?? 100);
const runIds = Array.from({ length: 4 }, () => randomUUID());

const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("publish" as const),
      products: fc.oneof(
        {
          weight: 8,
          arbitrary: fc.uniqueArray(fc.record({ product: common, eager: fc.boolean() }), {
            maxLength: 4,
            selector: (item) => item.product,
          }),
        },
        { weight: 1, arbitrary: fc.array(fc.record({ product, eager: fc.boolean() }), { maxLength: 4 }) },
      ),
      edges: fc.array(
        fc.oneof(
          {
            weight: 9,
            arbitrary: fc
              .tuple(fc.nat(3), fc.nat(3))
              .map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b) + 1]),
          },
          { weight: 1, arbitrary: fc.tuple(product, product) },
        ),
        { maxLength: 3 },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("pause" as const, "unpause" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("update" as const),
      items: fc.array(
        fc.record({
          product,
          state: fc.oneof(
            { weight: 6, arbitrary: fc.constant("success") },
            { weight: 4, arbitrary: fc.constantFrom("running", "failed") },
            { weight: 1, arbitrary: fc.constantFrom("waiting", "queued", "disabled") },
          ),
          run: fc.option(fc.nat(runIds.length - 1)),
        }),
        { maxLength: 3 },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom("clear" as const, "disable" as const, "enable" as const),
      products: fc.array(product, { maxLength: 2 }),
    }),
  },
);

/** Every plan starts with five products, three of them eager for sure, so that what follows finds some. */
const opening = fc.record({
  type: fc.constant("publish" as const),
  products: fc
    .tuple(fc.boolean(), fc.boolean())
    .map((lazy) => [0, 1, 2, 3, 4].map((product) => ({ product, eager: lazy[product - 3] !== true }))),
  edges: fc.uniqueArray(
    fc.tuple(fc.nat(3), fc.nat(3)).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b) + 1]),
    { minLength: 2, maxLength: 6, selector: ([a, b]) => `${a}>${b}`, size: "max" },
  ),
});

function send(scene: Scene, command: Command): Promise<Answer> {
  const name = (product: number) => `p${product}`;
  switch (command.type) {
    case "publish":
      return scene.publish({
        dataset: { id: scene.datasetId },
        data_products: command.products.map(({ product, eager }) => ({
          id: scene.id(name(product)),
          compute: "cams",
          name: name(product),
          version: "1",
          eager,
        })),
        dependencies: command.edges.map(([parent, child]) => ({
          parent_id: scene.id(name(parent)),
          child_id: scene.id(name(child)),
        })),
      });
    case "pause":
      return scene.pause();
    case "unpause":
      return scene.unpause();
    case "update":
      return scene.update(
        command.items.map(({ product, state, run }) => ({
          id: scene.id(name(product)),
          state,
          run_id: run === null ? null : (runIds[run] ?? null),
          link: run === null ? null : `link ${run}`,
          passback: run,
        })),
      );
    case "clear":
      return scene.clear(...command.products.map(name));
    case "disable":
      return scene.disable(...command.products.map(name));
    case "enable":
      return scene.enable(...command.products.map(name));
    default:
      return command satisfies never;
  }
}

interface Shown {
  readonly paused: boolean;
  readonly products: Record<string, unknown>;
  readonly edges: string[];
}

function expected(oracle: Oracle): Shown {
  return {
    paused: oracle.paused,
    products: Object.fromEntries(
      [...oracle.products].map(([id, { eager, state, run }]) => [
        `p${id}`,
        {
          eager,
          state,
          run: run === null ? null : runIds[run],
          link: run === null ? null : `link ${run}`,
          passback: run,
        },
      ]),
    ),
    edges: [...oracle.edges.values()].map(({ parent, child }) => `p${parent}>p${child}`).sort(),
  };
}

interface PlanJson {
  readonly dataset: { paused: boolean; modified_date: string };
  readonly data_products: {
    id: string;
    name: string;
    eager: boolean;
    state: string;
    run_id: string | null;
    link: string | null;
    passback: unknown;
    modified_date: string;
  }[];
  readonly dependencies: { parent_id: string; child_id: string; modified_date: string }[];
}

function shown(plan: PlanJson): Shown {
  const names = new Map(plan.data_products.map(({ id, name }) => [id, name]));
  return {
    paused: plan.dataset.paused,
    products: Object.fromEntries(
      plan.data_products.map(({ name, eager, state, run_id, link, passback }) => [
        name,
        { eager, state, run: run_id, link, passback },
      ]),
    ),
    edges: plan.dependencies.map((edge) => `${names.get(edge.parent_id)}>${names.get(edge.child_id)}`).sort(),
  };
}

/** Rows grouped by stamp must be grouped alike: what a request touched, and only that, carries its one date. */
function stamps(oracle: Oracle): string[][] {
  const rows: [string, number][] = [
    ["dataset", oracle.datasetStamp],
    ...[...oracle.products].map(([id, { stamp }]): [string, number] => [`p${id}`, stamp]),
    ...[...oracle.edges.values()].map(({ parent, child, stamp }): [string, number] => [`p${parent}>p${child}`, stamp]),
  ];
  return grouped(rows);
}

function shownStamps(plan: PlanJson): string[][] {
  const names = new Map(plan.data_products.map(({ id, name }) => [id, name]));
  return grouped([
    ["dataset", plan.dataset.modified_date],
    ...plan.data_products.map(({ name, modified_date }): [string, string] => [name, modified_date]),
    ...plan.dependencies.map(({ parent_id, child_id, modified_date }): [string, string] => [
      `${names.get(parent_id)}>${names.get(child_id)}`,
      modified_date,
    ]),
  ]);
}

/** Names that share a stamp, the oldest first. */
function grouped<Stamp extends string | number>(rows: [string, Stamp][]): string[][] {
  const groups = new Map<Stamp, string[]>();
  for (const [name, stamp] of rows) groups.set(stamp, [...(groups.get(stamp) ?? []), name]);
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, names]) => names.sort());
}

describe("any sequence of writes", () => {
  it("answers and leaves what the contract's naive model says", { timeout: 300_000 }, async () => {
    const met = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        opening,
        fc.array(commands, { minLength: 8, maxLength: 25, size: "max" }),
        async (first, others) => {
          const scene = new Scene(api);
          const oracle = new Oracle();
          for (const command of [first, ...others]) {
            const answer = await send(scene, command);
            const status = oracle.apply(command);
            met.set(`${command.type} ${status}`, (met.get(`${command.type} ${status}`) ?? 0) + 1);
            assert.equal(answer.status, status, `${JSON.stringify(command)}: ${answer.text}`);
            const read = status === 200 ? answer : await scene.get();
            if (!oracle.exists) continue;
            assert.deepEqual(shown(read.json), expected(oracle), JSON.stringify(command));
            assert.deepEqual(shownStamps(read.json), stamps(oracle), JSON.stringify(command));
          }
        },
      ),
      { numRuns: sequencesMax },
    );
    // Otherwise the sequences have become tame, and this test proves less than it seems to.
    for (const kind of [
      "publish 200",
      "publish 422",
      "publish 404",
      "publish 400",
      "update 200",
      "update 403",
      "clear 200",
      "disable 200",
      "enable 200",
      "pause 200",
      "unpause 200",
    ]) {
      assert.ok((met.get(kind) ?? 0) > 0, `no ${kind} among ${JSON.stringify([...met])}`);
    }
  });
});
