/** The token bucket, by a clock of the test's own. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PacketQuota } from "./packet-quota.ts";

/** How many of those sent every `everyMs` from `fromMs` until `toMs` pass. */
function passed(quota: PacketQuota, fromMs: number, toMs: number, everyMs: number, packets = 1): number {
  let count = 0;
  for (let atMs = fromMs; atMs < toMs; atMs += everyMs) if (quota.take(packets, atMs)) count += packets;
  return count;
}

describe("a quota of packets a second", () => {
  it("lets through whoever keeps to it, every packet", () => {
    assert.equal(passed(new PacketQuota(100, 0), 0, 60_000, 10), 6_000);
  });

  it("lets a second's worth through at once, and no more", () => {
    const quota = new PacketQuota(100, 0);
    assert.equal(passed(quota, 5_000, 5_000.5, 0.001), 100);
    assert.equal(passed(quota, 5_500, 5_500.1, 0.001), 50);
  });

  it("holds whoever sends 50 times as much to it, to the packet", () => {
    const count = passed(new PacketQuota(100, 0), 0, 60_000, 0.2);
    assert.ok(count >= 6_000 && count <= 6_101, `${count} passed`);
  });

  it("takes a datagram of several packets whole, and makes up for it", () => {
    const quota = new PacketQuota(10, 0);
    assert.equal(passed(quota, 0, 1, 1, 25), 25);
    assert.equal(quota.take(1, 1_500), false);
    assert.equal(quota.take(1, 1_700), true);
    // A datagram of more packets than the burst is long still gets through, or a ship that sends such would get nothing.
    const count = passed(new PacketQuota(10, 0), 0, 100_000, 100, 25);
    assert.ok(count >= 1_000 && count <= 1_035, `${count} passed`);
  });

  it("lets less than one a second through", () => {
    assert.equal(passed(new PacketQuota(1, 0), 0, 10_000, 100), 10);
  });

  it("gives nothing for a clock that stands still or goes back", () => {
    const quota = new PacketQuota(1, 1_000);
    assert.equal(quota.take(1, 1_000), true);
    assert.equal(quota.take(1, 500), false);
    assert.equal(quota.take(1, 500), false);
  });
});
