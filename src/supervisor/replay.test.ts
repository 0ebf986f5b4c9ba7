/** Histories that the rules could have written are replayed to where they say; those that they could not are told apart. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newUuid } from "../model/ids.ts";
import type { ProductRow } from "../model/plan.ts";
import type { PastTurn } from "../store/history.ts";
import type { Change } from "../store/plan-store.ts";
import { replayDataset, replayProduct } from "./replay.ts";

const datasetId = newUuid();
const productId = newUuid();
const row: ProductRow = {
  ...{ productId, compute: "work", name: "p", version: "1", eager: false, passthrough: null, extra: null },
  ...{ state: "success", runId: null, link: null, passback: null, jobId: null, modifiedBy: "x", modifiedAt: "" },
};

/** `cause: from>to from>to`, a line a turn, in order of time; null is written as `-`. */
function history(text: string, of: string | null = productId): PastTurn[] {
  const lines = text.trim().split("\n");
  return lines
    .map((line, i): PastTurn => {
      const [cause = "", moves = ""] = line.trim().split(": ");
      const changes = moves.split(" ").map((move) => {
        const [from, to] = move.split(">");
        return { productId: of, from: from === "-" ? null : from, to } as Change;
      });
      return { revision: i + 1, at: "2026-01-31T10:20:30.123456+00:00", service: "s", cause, changes, isCut: false };
    })
    .reverse();
}

const told = (text: string, dispatches = true) =>
  replayProduct(datasetId, row, dispatches, history(text)).map(({ event, state, follows, emitted }) => {
    const said = emitted.filter((type) => type.startsWith("job."));
    return `${event} ${state}${follows ? "" : " differs"}${said.length > 0 ? ` ${said.join(" ")}` : ""}`;
  });

describe("a product's past", () => {
  it("has its job's attempts, and the job taken back when something else ends it", () => {
    assert.deepEqual(
      told(`plan.publish: ->waiting waiting>queued
            attempt.started: queued>running
            attempt.failed: running>failed
            products.clear: failed>waiting waiting>queued
            attempt.started: queued>running
            products.clear: running>waiting waiting>queued
            attempt.succeeded: queued>running running>success
            plan.publish: success>success
            products.disable: success>disabled
            products.enable: disabled>waiting waiting>queued
            attempt.succeeded: queued>success`),
      [
        "created waiting",
        "triggered queued job.enqueue",
        "attempt.started running",
        "attempts.exhausted failed",
        "cleared waiting",
        "triggered queued job.enqueue",
        "attempt.started running",
        "cleared waiting job.cancel",
        "triggered queued job.enqueue",
        "attempt.started running",
        "attempt.succeeded success",
        "defined success",
        "disabled disabled",
        "enabled waiting",
        "triggered queued job.enqueue",
        "attempt.succeeded success",
      ],
    );
  });

  it("has reports where nobody of ours computes it", () => {
    assert.deepEqual(
      told(
        `plan.publish: ->waiting waiting>queued
         products.update: queued>running
         products.update: running>running
         products.update: running>failed
         products.update: failed>success`,
        false,
      ),
      [
        "created waiting",
        "triggered queued",
        "reported running",
        "reported running",
        "reported failed",
        "reported success",
      ],
    );
  });

  it("begins where its first known change begins, its job with it", () => {
    assert.deepEqual(told("attempt.succeeded: running>success"), ["attempt.succeeded success"]);
    assert.deepEqual(told("attempt.failed: queued>running running>failed"), [
      "attempt.started running",
      "attempts.exhausted failed",
    ]);
    assert.deepEqual(told("products.update: running>success"), ["reported success job.cancel"]);
    assert.deepEqual(replayProduct(datasetId, row, true, []), []);
  });

  it("says so where the machine does not lead to what is stored", () => {
    assert.deepEqual(told("plan.publish: ->waiting\nproducts.clear: disabled>disabled\nx: success>queued"), [
      "created waiting",
      "defined waiting differs",
      "triggered queued job.enqueue",
    ]);
  });
});

describe("a dataset's past", () => {
  it("has its publications and pauses", () => {
    const past = history(
      "plan.publish: active>active\ndataset.pause: active>paused\nplan.publish: paused>paused\ndataset.unpause: paused>active",
      null,
    );
    assert.deepEqual(
      replayDataset(datasetId, past).map(({ event, before, state, follows }) => [event, before, state, follows]),
      [
        ["published", "active", "active", true],
        ["paused", "active", "paused", true],
        ["published", "paused", "paused", true],
        ["unpaused", "paused", "active", true],
      ],
    );
    assert.deepEqual(
      replayDataset(datasetId, past.slice(0, 2)).map(({ event }) => event),
      ["published", "unpaused"],
    );
  });
});
