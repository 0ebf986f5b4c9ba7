import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OverloadedError, TokenRefusedError, UnauthorizedError, UnknownServiceError } from "../model/errors.ts";
import type { Service } from "../model/service.ts";
import { createAuth } from "./auth.ts";
import { createPasswordCheck, type Hasher } from "./password.ts";

const services: readonly Service[] = [{ service: "updater", hash: "hash of right", roles: ["update"] }];
const secretKey = Buffer.from("secret");

/** Takes `right` for the right key, and counts how often it is asked. */
function hasher(): Hasher & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    verify: async (key, hash) => {
      asked.push(hash);
      return key === "right" && hash === "hash of right";
    },
    stop: () => {},
  };
}

function auth(clock = { nowMs: 1_700_000_000_000 }, hash = hasher()) {
  return createAuth({ services, secretKey, nowMs: () => clock.nowMs, passwords: createPasswordCheck(hash, 1) });
}

describe("a token", () => {
  it("is refused 61 seconds after it expires, although it was verified before", async () => {
    const clock = { nowMs: 1_700_000_000_000 };
    const subject = auth(clock);
    const { access_token } = await subject.login("updater", "right");
    const header = `Bearer ${access_token}`;
    assert.equal(subject.callerOf(header).service, "updater");
    clock.nowMs += 3660_000;
    assert.equal(subject.callerOf(header).service, "updater");
    clock.nowMs += 1000;
    assert.throws(() => subject.callerOf(header), TokenRefusedError);
    assert.throws(() => subject.callerOf(header), TokenRefusedError);
  });

  it("of one process passes in another with the same secret, and in none with another secret", async () => {
    const { access_token } = await auth().login("updater", "right");
    assert.equal(auth().callerOf(`Bearer ${access_token}`).service, "updater");
    const other = createAuth({ services, secretKey: Buffer.from("other"), nowMs: () => 1_700_000_000_000 });
    assert.throws(() => other.callerOf(`Bearer ${access_token}`), TokenRefusedError);
  });
});

describe("a login", () => {
  it("hashes a key that was good no second time, and every wrong one", async () => {
    const hash = hasher();
    const subject = auth(undefined, hash);
    for (let i = 0; i < 3; i++) await subject.login("updater", "right");
    assert.equal(hash.asked.length, 1);
    for (let i = 0; i < 2; i++) await assert.rejects(subject.login("updater", "wrong"), UnauthorizedError);
    assert.equal(hash.asked.length, 3);
  });

  it("of an unknown service hashes too, so that it takes as long", async () => {
    const hash = hasher();
    await assert.rejects(auth(undefined, hash).login("nobody", "right"), UnknownServiceError);
    assert.deepEqual(hash.asked, ["hash of right"]);
  });

  it("of many with the same good key at once hashes once", async () => {
    const hash = hasher();
    const subject = auth(undefined, hash);
    await Promise.all(Array.from({ length: 50 }, () => subject.login("updater", "right")));
    assert.equal(hash.asked.length, 1);
  });
});

describe("checking passwords", () => {
  it("runs a bounded number at once, lets a bounded number wait, and refuses the rest", async () => {
    const ends: ((isRight: boolean) => void)[] = [];
    const slow: Hasher = { verify: () => new Promise((resolve) => ends.push(resolve)), stop: () => {} };
    const subject = createPasswordCheck(slow, 2);
    const verify = () => subject.verify("key", "hash", () => false);
    const waiting = Array.from({ length: 1002 }, verify);
    await assert.rejects(verify(), OverloadedError);
    let ended = 0;
    while (ended < 1002) {
      assert.ok(ends.length - ended <= 2);
      const end = ends[ended];
      if (end === undefined) {
        await Promise.resolve();
        continue;
      }
      end(true);
      ended += 1;
    }
    assert.equal((await Promise.all(waiting)).every(Boolean), true);
  });
});
