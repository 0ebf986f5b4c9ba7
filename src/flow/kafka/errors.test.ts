import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AuthenticationError, MultipleErrors, NetworkError, ProtocolError } from "@platformatic/kafka";
import { isAway } from "./errors.ts";

describe("an error of the Kafka library", () => {
  const wrapped = (error: Error) => new MultipleErrors("Cannot connect to any broker.", [error]);

  it("tells brokers that are away, or not ready, from those that say no", () => {
    const refused = new NetworkError("Connection to x failed.", { cause: new Error("connect ECONNREFUSED") });
    const [notReady, noSuchUser, noRight] = [15, 58, 29].map((code) => wrapped(new ProtocolError(code)));
    assert.deepEqual([wrapped(refused), notReady, noSuchUser, noRight].map(isAway), [true, true, false, false]);
  });

  it("is no matter of time where who answers is not who it must be, unless the connection broke meanwhile", () => {
    const forged = new AuthenticationError("Invalid server signature.");
    assert.equal(isAway(wrapped(forged)), false);
    const broken = new AuthenticationError("SASL authentication failed.", {
      cause: new NetworkError("Connection closed"),
    });
    assert.equal(isAway(wrapped(broken)), true);
  });
});
