/** Reads the JUnit files that Bun and Deno write, and says what a reader of a long log looks for: which tests failed, why, which took long. */
export interface TestCase {
  readonly name: string;
  readonly file: string;
  readonly state: "passed" | "failed" | "skipped";
  readonly seconds: number;
  /** What the failure said; empty unless it failed. */
  readonly failure: string;
}

/** Leaves only: Deno also lists each `describe` as a case, and its leaves, `group > name`, under a file of its own. */
export function testCases(junit: string): TestCase[] {
  const listed = [...junit.matchAll(/<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)].map(
    ([, attributes = "", body = ""]) => {
      const suite = attributeOf(attributes, "classname");
      const isDenoStep = suite.startsWith("ext:");
      const isBun = /\bfile="/.test(attributes);
      const name = attributeOf(attributes, "name");
      return {
        name: isBun && suite !== "" ? `${suite} > ${name}` : name,
        file: isBun ? attributeOf(attributes, "file") : isDenoStep ? "" : suite.replace(/^\.\//, ""),
        state: /<(failure|error)\b/.test(body) ? "failed" : body.includes("<skipped") ? "skipped" : "passed",
        seconds: Number(attributeOf(attributes, "time")),
        failure: unescaped(/<(?:failure|error)\b[^>]*>([\s\S]*?)<\/(?:failure|error)>/.exec(body)?.[1] ?? ""),
        isDenoStep,
      } as const;
    },
  );
  const groups = new Set<string>();
  for (const { name, isDenoStep } of listed) {
    if (!isDenoStep) continue;
    for (let end = name.lastIndexOf(" > "); end > 0; end = name.lastIndexOf(" > ", end - 1))
      groups.add(name.slice(0, end));
  }
  return listed.filter(({ name }) => !groups.has(name)).map(({ isDenoStep: _, ...one }) => one);
}

export function reportOf(cases: readonly TestCase[]): string {
  const failed = cases.filter(({ state }) => state === "failed");
  const slowest = cases.toSorted((a, b) => b.seconds - a.seconds).slice(0, 10);
  return [
    "slowest tests:",
    ...slowest.map(({ seconds, ...one }) => `  ${seconds.toFixed(1).padStart(6)} s  ${titleOf(one)}`),
    ...(failed.length > 0 ? ["failed tests:"] : []),
    ...failed.map(({ failure, ...one }) => `  ${titleOf(one)}\n${indented(failure)}`),
  ].join("\n");
}

const titleOf = ({ file, name }: { file: string; name: string }) => (file === "" ? name : `${file}: ${name}`);

/** The first lines of a failure: an assertion can print a whole document. */
const failureLinesMax = 40;
const indented = (failure: string) => {
  const lines = failure.split("\n").filter((line) => line.trim() !== "");
  const shown = lines.slice(0, failureLinesMax).map((line) => `      ${line.slice(0, 300)}`);
  return [...shown, ...(lines.length > shown.length ? [`      … ${lines.length - shown.length} lines more`] : [])].join(
    "\n",
  );
};

const attributeOf = (attributes: string, name: string) =>
  unescaped(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");

const unescaped = (text: string) =>
  text
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
