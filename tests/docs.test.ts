/** The documents name what exists: metrics, commands and their flags, routes, log lines, keys of orrery.yaml, files and headings. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { createProgram } from "../src/cli/program.ts";
import { createMetrics } from "../src/observe/metrics.ts";

const root = join(import.meta.dirname, "..");
const text = (file: string) => readFileSync(join(root, file), "utf8");
const filesUnder = (folder: string, ending: RegExp) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => ending.test(file))
    .map((file) => `${folder}/${file.replaceAll("\\", "/")}`);

const documents = ["README.md", "CONTRIBUTING.md", ...filesUnder("docs", /\.md$/)];
const sources = filesUnder("src", /(?<!\.test)\.tsx?$/).map((file) => [file, text(file)] as const);

interface MetricShape {
  readonly name: string;
  readonly labelNames: readonly string[];
}

/** Named like a metric: a database of an example. */
const notMetrics = new Set(["orrery_restored"]);

describe("metrics", () => {
  const metrics = createMetrics();
  metrics.watchProcess();
  // prom-client keeps a metric's labels where its types do not show them.
  const all = metrics.registry.getMetricsAsArray() as unknown as readonly MetricShape[];
  const labels = new Map(all.map(({ name, labelNames }) => [name, labelNames]));
  const metricOf = (name: string) => (labels.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ""));

  it("that documents and alerts name are there", () => {
    const unknown = [...documents, "deploy/prometheus-rules.yaml"].flatMap((file) =>
      [...text(file).matchAll(/\b(?:orrery|nodejs|process)_[a-z0-9_]+\b(?=[`{[\s)])/g)]
        .map(([name]) => name)
        .filter((name) => !labels.has(metricOf(name)) && !notMetrics.has(name))
        .map((name) => `${file}: ${name}`),
    );
    assert.deepEqual(unknown, []);
  });

  it("have the labels that alerts ask for, and each alert is in docs/operations.md with its expression", () => {
    interface Rule {
      readonly alert: string;
      readonly expr: string;
      readonly annotations: { readonly summary: string };
    }
    const { groups } = parse(text("deploy/prometheus-rules.yaml")) as { groups: { rules: Rule[] }[] };
    const rules = groups.flatMap((group) => group.rules);
    assert.ok(rules.length > 10);
    const operations = text("docs/operations.md").replaceAll("\\|", "|");
    for (const { alert, expr } of rules) {
      assert.ok(operations.includes(`| \`${alert}\` |`), alert);
      assert.ok(operations.includes(expr.trim().replace(/\s+/g, " ")), `${alert}: ${expr}`);
      const named = [...expr.matchAll(/\b(orrery_\w+)/g)].map(([, name]) => metricOf(name ?? ""));
      const own = new Set(named.flatMap((name) => labels.get(name) ?? []));
      for (const [, selected = ""] of expr.matchAll(/orrery_\w+\{([^}]*)\}/g))
        for (const [, label = ""] of selected.matchAll(/(\w+)\s*[=!]/g))
          assert.ok(own.has(label) || label === "le", `${alert}: ${label}`);
      for (const [, grouped = ""] of expr.matchAll(/\bby \(([^)]*)\)/g))
        for (const label of grouped.split(/,\s*/)) assert.ok(own.has(label) || label === "le", `${alert}: ${label}`);
    }
  });
});

describe("commands", () => {
  const program = createProgram(() => Promise.reject(new Error("no node is started")));
  /** Lines of code and code in sentences that begin with `orrery `, up to where the shell takes over. */
  const calls = documents.flatMap((file) => {
    const source = text(file).replace(/\\\n\s*/g, " ");
    return [...source.matchAll(/(?:^ *|`|\$\(|\$ |-- )orrery ((?:[a-z-]+)(?: [^`\n]*)?)/gm)].map(([, call = ""]) => ({
      file,
      words: (call.split(/ [#|&;>]| -- |\) /)[0] ?? "").trim().split(/\s+/),
    }));
  });

  it("that documents show are there, with the flags that they show", () => {
    assert.ok(calls.length > 100, `${calls.length} calls`);
    const wrong: string[] = [];
    for (const { file, words } of calls) {
      let command = program;
      const rest = [...words];
      for (;;) {
        const next = command.commands.find((each) => each.name() === rest[0] || each.aliases().includes(rest[0] ?? ""));
        if (next === undefined) break;
        command = next;
        rest.shift();
      }
      const isGroup = command.commands.length > 0;
      if (isGroup && /^[a-z]/.test(rest[0] ?? "")) wrong.push(`${file}: orrery ${words.join(" ")}`);
      const known = command.options.flatMap(({ long, short }) => [long, short]);
      for (const word of rest.filter((each) => /^--?[a-z]/.test(each))) {
        const flag = word.replace(/[=`,.;:)].*$/, "");
        if (!known.includes(flag) && flag !== "--help" && flag !== "--version")
          wrong.push(`${file}: orrery ${words.join(" ")}: ${flag}`);
      }
    }
    assert.deepEqual(wrong, []);
  });
});

describe("routes", () => {
  const shape = (path: string) => path.replace(/\{\w+\}|…|\$\w+/g, "*");
  const there = new Set<string>();
  for (const [file, source] of sources.filter(([file]) => file.startsWith("src/http/"))) {
    const one = /\bone = [`"]([^`"]+)[`"]/.exec(source)?.[1] ?? "";
    for (const [, path = ""] of source.matchAll(/\bpath(?:: | = )[`"]([^`"]+)[`"]/g))
      for (const verb of ["pause", "unpause"])
        for (const kind of ["ingest", "policy"])
          there.add(
            shape(
              path
                .replace(/\$\{one\}/, one)
                .replace(/\$\{verb\}/, verb)
                .replace(/\$\{kind\}/, kind),
            ),
          );
    if (/\bpath: one\b/.test(source)) there.add(shape(one));
    assert.ok(file);
  }

  it("of the API that documents name by method and path are there", () => {
    const named = documents.flatMap((file) =>
      [...text(file).matchAll(/\b(?:GET|POST|PUT|DELETE|`PUT) \/api(\/[\w/{}…$*-]+)/g)].map(([, path = ""]) => ({
        file,
        path,
      })),
    );
    assert.ok(named.length > 40 && there.size > 60, `${named.length} named, ${there.size} there`);
    const matches = (path: string) => {
      const parts = shape(path).split("/");
      return [...there].some((route) => {
        const wanted = route.split("/");
        return (
          wanted.length === parts.length &&
          wanted.every((part, i) => part === "*" || part === parts[i] || parts[i] === "*")
        );
      });
    };
    assert.deepEqual(
      named.filter(({ path }) => !matches(path)).map(({ file, path }) => `${file}: ${path}`),
      [],
    );
  });
});

describe("docs/operations.md", () => {
  it("quotes texts that the code writes, or its own headings", () => {
    const operations = text("docs/operations.md");
    const headings = [...operations.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading.toLowerCase());
    const prose = operations.replace(/^ {4}.*$|`[^`\n]*`/gm, "");
    const quotes = [...prose.matchAll(/"([^"\n]{4,})"/g)].map(([, quote = ""]) => quote.replace(/ ?…$/, ""));
    assert.ok(quotes.length > 25);
    const written = (quote: string) =>
      sources.some(([, source]) => source.replace(/\$\{[^}]*\}/g, "…").includes(quote));
    const isHeading = (quote: string) => headings.some((heading) => heading.startsWith(quote.toLowerCase()));
    assert.deepEqual(
      quotes.filter((quote) => !isHeading(quote) && !written(quote)),
      [],
    );
  });
});

describe("docs/configuration.md", () => {
  it("names every key of orrery.yaml", () => {
    const keys = ["src/config-file.ts", "src/config-computes.ts"].flatMap((file) =>
      [
        ...text(file).matchAll(
          /(?:^\s*|[{,] )([a-z][a-z0-9_]*): (?:v\.|text\b|url\b|seconds\(|positive\b|oneOrMore)/gm,
        ),
      ].map(([, key = ""]) => key),
    );
    assert.ok(keys.length > 40 && keys.includes("retention_days") && keys.includes("poll_s"), keys.join());
    const configuration = text("docs/configuration.md");
    assert.deepEqual(
      [...new Set(keys)].filter((key) => !new RegExp(`\\b${key}\\b`).test(configuration)),
      [],
    );
  });

  it("names every kind of compute, as docs/computes.md does", () => {
    const kinds = [...text("src/config-computes.ts").matchAll(/v\.literal\("(\w+)"\)/g)].map(([, kind = ""]) => kind);
    assert.ok(kinds.length >= 7);
    for (const file of ["docs/configuration.md", "docs/computes.md"])
      assert.deepEqual(
        kinds.filter((kind) => !new RegExp(`\\b${kind}\\b`).test(text(file))),
        [],
        file,
      );
  });
});

describe("links", () => {
  const anchors = (file: string) =>
    [...text(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .replace(/\s/g, "-"),
    );

  it("between documents lead to files and headings that there are", () => {
    const broken = documents.flatMap((file) =>
      [
        ...text(file)
          .replace(/```[\s\S]*?```/g, "")
          .matchAll(/\]\(([^)\s]+)\)/g),
      ]
        .map(([, target = ""]) => target)
        .filter((target) => !/^(https?:|mailto:)/.test(target))
        .filter((target) => {
          const [path = "", anchor] = target.split("#");
          const to = path === "" ? file : join(dirname(file), path);
          return !existsSync(join(root, to)) || (anchor !== undefined && !anchors(to).includes(anchor));
        })
        .map((target) => `${file}: ${target}`),
    );
    assert.deepEqual(broken, []);
  });
});
