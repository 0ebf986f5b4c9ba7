/** What the suites say at their end, read from the files that Bun and Deno write. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { reportOf, testCases } from "../scripts/test-report.ts";

const bun = `<testsuites><testsuite name="tests/a.test.ts"><testsuite name="group">
  <testcase name="fails &amp; &lt;dies&gt;" classname="group" time="0.25" file="tests/a.test.ts" line="3" assertions="0">
    <failure type="AssertionError" message="1 !== 2">1 !== 2&#10;&#10;at a.test.ts:3</failure>
  </testcase>
  <testcase name="is well" classname="group" time="2" file="tests/a.test.ts" line="4" assertions="0" />
  <testcase name="waits" classname="group" time="0" file="tests/a.test.ts" line="5" assertions="0"><skipped /></testcase>
</testsuite></testsuite></testsuites>`;

const deno = `<testsuites><testsuite name="./tests/a.test.ts">
  <testcase name="group" classname="./tests/a.test.ts" time="0.25" line="3" col="1"><failure message="1 step">1 step</failure></testcase>
  <testcase name="alone" classname="./tests/a.test.ts" time="0.5" line="9" col="1"></testcase>
</testsuite><testsuite name="ext:deno_node/testing.ts">
  <testcase name="group &gt; fails" classname="ext:deno_node/testing.ts" time="0.25" line="1" col="1">
    <failure message="1 !== 2">1 !== 2
at a.test.ts:3</failure></testcase>
</testsuite></testsuites>`;

describe("a suite's report", () => {
  it("reads what Bun wrote", () => {
    assert.deepEqual(testCases(bun), [
      {
        name: "group > fails & <dies>",
        file: "tests/a.test.ts",
        state: "failed",
        seconds: 0.25,
        failure: "1 !== 2\n\nat a.test.ts:3",
      },
      { name: "group > is well", file: "tests/a.test.ts", state: "passed", seconds: 2, failure: "" },
      { name: "group > waits", file: "tests/a.test.ts", state: "skipped", seconds: 0, failure: "" },
    ]);
  });

  it("counts a group that Deno wrote as no test", () => {
    assert.deepEqual(testCases(deno), [
      { name: "alone", file: "tests/a.test.ts", state: "passed", seconds: 0.5, failure: "" },
      { name: "group > fails", file: "", state: "failed", seconds: 0.25, failure: "1 !== 2\nat a.test.ts:3" },
    ]);
  });

  it("names what failed and why, and what took long", () => {
    const lines = reportOf(testCases(bun)).split("\n");
    assert.match(lines[1] ?? "", /2\.0 s {2}tests\/a\.test\.ts: group > is well/);
    assert.deepEqual(lines.slice(lines.indexOf("failed tests:")), [
      "failed tests:",
      "  tests/a.test.ts: group > fails & <dies>",
      "      1 !== 2",
      "      at a.test.ts:3",
    ]);
  });
});
