/** Checks the code itself: which way imports point, file sizes, names, where SQL is written, and that docs name every knob and dependency. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, it } from "node:test";

const root = join(import.meta.dirname, "..");
const text = (file: string) => readFileSync(join(root, file), "utf8");

const skipped = new Set(["node_modules", "dist", "data", ".git"]);
function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name)) return [];
    const path = folder === "." ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}

const isTest = (file: string) => /\.test\.tsx?$/.test(file);
const code = ["actors", "src"].flatMap(filesUnder).filter((file) => /\.tsx?$/.test(file));
const everything = filesUnder(".");

/**
 * What each part may import, beside itself. `model ← actors ← store, ground ← supervisor … flow ← http, ui, cli ← runtime ← main, mod`.
 * Ground's parts that do I/O sit with its pure ones, so ground, jobs, compute, worker, templates, telemetry, history and flow are one tier.
 */
const tiers: readonly (readonly string[])[] = [
  ["model"],
  ["actors", "observe", "config"],
  ["store"],
  ["supervisor", "jobs", "compute", "worker", "templates", "telemetry", "history", "flow", "ground"],
  ["http", "ui", "cli"],
  ["runtime"],
  ["main", "mod"],
];
const tierOf = (part: string) => {
  const tier = tiers.findIndex((parts) => parts.includes(part));
  return tier < 0 ? tiers.findIndex((parts) => parts.includes("runtime")) : tier;
};

/** `src/http/app.ts` → http; `actors/pass.ts` → actors; `src/config-file.ts` → config; other files of src itself belong to the runtime. */
function partOf(file: string): string {
  const [top = "", second = "", third] = file.split("/");
  if (top === "actors") return "actors";
  if (third !== undefined) return second;
  const name = second.replace(/\.tsx?$/, "");
  if (name === "main" || name === "mod") return name;
  return [
    "config",
    "config-file",
    "config-computes",
    "config-ships",
    "dotenv",
    "services",
    "example-files",
    "embedded",
  ].includes(name)
    ? "config"
    : "runtime";
}

function importsOf(file: string): string[] {
  const found = text(file).matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^;"]*?\bfrom\s*"([^"]+)"|\bimport\(\s*"([^"]+)"|(?:^|\n)import\s+"([^"]+)"/g,
  );
  return [...found].map(([, from, dynamic, bare]) => from ?? dynamic ?? bare ?? "");
}

describe("the import rule", () => {
  it("lets imports point one way only", () => {
    const wrong: string[] = [];
    for (const file of code.filter((file) => !isTest(file))) {
      const own = partOf(file);
      for (const from of importsOf(file).filter((from) => from.startsWith("."))) {
        const target = normalize(join(dirname(file), from)).replaceAll("\\", "/");
        if (!target.startsWith("src/") && !target.startsWith("actors/")) continue;
        const other = partOf(target);
        if (other !== own && tierOf(other) > tierOf(own)) wrong.push(`${file} (${own}) imports ${target} (${other})`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it("lets actors import only xstate and model, and model nothing of ours", () => {
    const wrong: string[] = [];
    for (const file of code.filter((file) => !isTest(file))) {
      const part = partOf(file);
      if (part !== "actors" && part !== "model") continue;
      for (const from of importsOf(file)) {
        const inside = from.startsWith(".") ? partOf(normalize(join(dirname(file), from))) : null;
        const allowed =
          part === "actors"
            ? [null, "actors", "model"].includes(inside) && (inside !== null || from === "xstate")
            : inside === "model" || from.startsWith("node:");
        if (!allowed) wrong.push(`${file} imports ${from}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it("names extensions, and node: before Node's own modules", () => {
    const wrong = code.flatMap((file) =>
      importsOf(file)
        .filter((from) =>
          from.startsWith(".")
            ? !/\.(tsx?|sql|css|svg|js|json|wasm|data|gz|br|bin)$/.test(from)
            : /^(fs|path|os|net|dgram|crypto|child_process|worker_threads|zlib|url|util|events|stream|assert)(\/|$)/.test(
                from,
              ),
        )
        .map((from) => `${file} imports ${from}`),
    );
    assert.deepEqual(wrong, []);
  });
});

describe("files", () => {
  it("have at most 300 lines in src/ and actors/", () => {
    const long = code
      .map((file) => [file, text(file).split("\n").length - 1] as const)
      .filter(([, lines]) => lines > 300);
    assert.deepEqual(long, []);
  });

  it("open by saying their job", () => {
    const silent = code.filter(
      (file) => !isTest(file) && !file.endsWith(".d.ts") && !/^(#!.*\n)?\/[/*]/.test(text(file)),
    );
    assert.deepEqual(silent, []);
  });

  it("are not bins: no utils, helpers, common, misc or lib", () => {
    const bins = everything.filter((file) => /(^|\/)(utils?|helpers?|common|misc|lib)(\/|\.[a-z]+$)/.test(file));
    assert.deepEqual(bins, []);
  });

  it("do not give types up: no any, no ts-ignore", () => {
    const pattern = /:\s*any\b|\bas any\b|<any>|@ts-(ignore|expect-error|nocheck)/;
    const given = [...code, ...filesUnder("scripts"), ...filesUnder("examples")]
      .filter((file) => /\.tsx?$/.test(file))
      .flatMap((file) =>
        text(file)
          .split("\n")
          .map((line, i) => ({ at: `${file}:${i + 1}`, line })),
      )
      .filter(({ line }) => pattern.test(line.replace(/\/\/.*|^\s*\*.*|^\s*\/\*.*/, "")));
    assert.deepEqual(given, []);
  });
});

describe("the store", () => {
  it("is the only place that writes SQL", () => {
    const statement =
      /`\s*(?:with\s+\w+\s+as\s*\(|select\s[\s\S]*?\sfrom\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|create\s+(?:table|index)\s|notify\s|listen\s)/i;
    const elsewhere = code.filter((file) => !isTest(file) && partOf(file) !== "store" && statement.test(text(file)));
    assert.deepEqual(elsewhere, []);
  });

  it("numbers its migrations from 0001 without a gap", () => {
    const numbers = readdirSync(join(root, "src/store/migrations"))
      .filter((file) => file.endsWith(".sql"))
      .sort()
      .map((file) => file.slice(0, 4));
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => String(i + 1).padStart(4, "0")),
    );
  });
});

describe("the documents", () => {
  /** The table in src/config.ts, and what is read from the environment directly. */
  const variables = new Set<string>();
  const reads = [
    /\benv(?:ironment)?\.([A-Z][A-Z0-9_]+)\b/g,
    /\benv(?:ironment)?\["([A-Z][A-Z0-9_]+)"\]/g,
    /^ {2}\w+: "([A-Z][A-Z0-9_]{3,})",$/gm,
  ];
  for (const file of code.filter((file) => !isTest(file))) {
    const source = text(file);
    for (const read of reads) for (const [, name = ""] of source.matchAll(read)) variables.add(name);
    for (const [, names = ""] of source.matchAll(/\{([^{}]*)\} = (?:process\.)?env(?:ironment)?;/g))
      for (const [name] of names.matchAll(/\b[A-Z][A-Z0-9_]{3,}\b/g)) variables.add(name);
  }

  it("find the variables at all", () =>
    assert.ok(variables.has("DATABASE_URL") && variables.has("SECRET_KEY"), [...variables].join()));

  for (const file of [".env.example", "docs/configuration.md"]) {
    it(`name every environment variable in ${file}`, () => {
      assert.deepEqual(
        [...variables].filter((name) => !new RegExp(`\\b${name}\\b`).test(text(file))),
        [],
      );
    });
  }

  it("give each runtime dependency its reason in docs/dependencies.md", () => {
    const { dependencies } = JSON.parse(text("package.json")) as { dependencies: Record<string, string> };
    const reasons = text("docs/dependencies.md");
    assert.deepEqual(
      Object.keys(dependencies).filter((name) => !reasons.includes(`| ${name} |`)),
      [],
    );
  });

  it("lock every build of the optional dependencies, or a fresh npm ci fails", () => {
    const { packages } = JSON.parse(text("package-lock.json")) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const missing = Object.entries(packages).flatMap(([owner, entry]) =>
      Object.keys(entry.optionalDependencies ?? {}).filter(
        (name) => !packages[`node_modules/${name}`] && !packages[`${owner}/node_modules/${name}`],
      ),
    );
    assert.deepEqual(missing, [], "run `npx bun scripts/complete-lock.ts`");
  });
});
