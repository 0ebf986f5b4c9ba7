/** Which files a suite runs: tests sit beside pure code in actors/ and src/, and in tests/ when they do I/O. */
import { readdirSync } from "node:fs";

export type Suite = "unit" | "browser" | "all";

/** Paths relative to the project, sorted. `only`: keep those that contain one of these texts. */
export function testFiles(suite: Suite, only: readonly string[]): string[] {
  const files = ["actors", "src", "tests"].flatMap(testFilesUnder).filter((file) => belongs(file, suite));
  const wanted = only.length === 0 ? files : files.filter((file) => only.some((text) => file.includes(text)));
  if (wanted.length === 0)
    throw new Error(`Cannot test ${only.join(", ") || suite} as no file matches: name a part of a path`);
  return wanted.sort();
}

function testFilesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.test\.tsx?$/.test(file))
    .map((file) => `${folder}/${file.replaceAll("\\", "/")}`);
}

function belongs(file: string, suite: Suite): boolean {
  const isBrowser = file.startsWith("tests/browser/");
  switch (suite) {
    case "unit":
      return !file.startsWith("tests/") || /^tests\/(tidy|charts)\.test\.ts$/.test(file);
    case "browser":
      return isBrowser;
    case "all":
      return !isBrowser;
  }
  return suite satisfies never;
}
