/** Charts are read from the machines themselves, and laid out so that they can be read. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromPromise, setup } from "xstate";
import { anywhere } from "./chart-cards.ts";
import { layOut } from "./chart-layout.ts";
import { chartSvg } from "./chart-svg.ts";
import { chartOf, charts, definitionJson, machineNames } from "./machine.ts";

describe("a chart", () => {
  it("has what the machine has: guards with their parameters, actions, entry, finals, what is invoked", () => {
    const machine = setup({
      types: {} as { events: { type: "go"; n: number } | { type: "stop" } },
      actors: { work: fromPromise(async () => 1) },
      guards: { isMore: ({ event }, params: { than: number }) => event.type === "go" && event.n > params.than },
      actions: { note: () => {}, leave: () => {} },
    }).createMachine({
      id: "example",
      initial: "idle",
      on: { stop: ".over" },
      states: {
        idle: {
          exit: "leave",
          on: {
            go: [
              { guard: { type: "isMore", params: { than: 3 } }, target: "busy", actions: "note" },
              { actions: "note" },
            ],
          },
        },
        busy: { entry: "note", invoke: { id: "work", src: "work" }, on: { go: {} } },
        over: { type: "final" },
      },
    });
    const none = { entry: [], exit: [], invoked: [], isInitial: false, isFinal: false, transitions: [] };
    assert.deepEqual(chartOf(machine), {
      id: "example",
      anywhere: [{ event: "stop", guard: null, actions: [], target: "over" }],
      states: [
        {
          ...none,
          name: "idle",
          isInitial: true,
          exit: ["leave"],
          transitions: [
            { event: "go", guard: "isMore(3)", actions: ["note"], target: "busy" },
            { event: "go", guard: null, actions: ["note"], target: null },
          ],
        },
        {
          ...none,
          name: "busy",
          entry: ["note"],
          invoked: ["work"],
          transitions: [{ event: "go", guard: null, actions: [], target: null }],
        },
        { ...none, name: "over", isFinal: true },
      ],
    });
  });

  it("refuses states inside of states, which it could not show", () => {
    const nested = setup({}).createMachine({
      id: "n",
      initial: "a",
      states: { a: { initial: "b", states: { b: {} } } },
    });
    assert.throws(() => chartOf(nested), /Cannot draw n: a has inner states/);
  });

  for (const name of machineNames) {
    it(`of the ${name} has a card for each state and an arrow for each way, and no card covers another one`, () => {
      const chart = charts[name];
      const { cards, arrows, widthPx, heightPx } = layOut(chart);
      const states = cards.filter(({ kind }) => kind !== "anywhere").map((card) => card.name);
      assert.deepEqual(states.sort(), chart.states.map((state) => state.name).sort());
      const ways = [{ name: anywhere, transitions: chart.anywhere }, ...chart.states].flatMap((state) =>
        state.transitions.flatMap(({ event, target }) =>
          target === null || target === state.name ? [] : [`${state.name} ${event} ${target}`],
        ),
      );
      assert.deepEqual(arrows.map(({ from, event, to }) => `${from} ${event} ${to}`).sort(), ways.sort());
      for (const a of cards) {
        assert.ok(a.xPx >= 0 && a.yPx >= 0 && a.xPx + a.widthPx <= widthPx && a.yPx + a.heightPx <= heightPx, a.name);
        for (const b of cards) {
          const isApart =
            a === b ||
            a.xPx + a.widthPx <= b.xPx ||
            b.xPx + b.widthPx <= a.xPx ||
            a.yPx + a.heightPx <= b.yPx ||
            b.yPx + b.heightPx <= a.yPx;
          assert.ok(isApart, `${a.name} and ${b.name}`);
        }
      }
    });

    it(`of the ${name} is told to tools as JSON that names its functions`, () => {
      const { id, states } = JSON.parse(definitionJson(name));
      assert.equal(id, name);
      assert.deepEqual(
        Object.keys(states),
        charts[name].states.map((state) => state.name),
      );
    });
  }

  it("lights the state, the row and the arrow that led there", () => {
    const svg = chartSvg("product", {
      state: "running",
      note: "now",
      by: { event: "attempt.started", before: "queued" },
    });
    assert.match(svg, /aria-label="State chart of a product: running, now"/);
    assert.match(svg, /<g class="card-of plain lit" data-state="running"/);
    assert.equal([...svg.matchAll(/<path class="arrow lit"/g)].length, 1);
    assert.equal([...svg.matchAll(/<g class="row lit"/g)].length, 1);
    const any = chartSvg("product", { state: "failed", note: "then", by: { event: "reported", before: "waiting" } });
    assert.equal([...any.matchAll(/<path class="arrow anywhere lit"/g)].length, 1);
    assert.equal([...chartSvg("product", null).matchAll(/ lit"/g)].length, 0);
  });
});
