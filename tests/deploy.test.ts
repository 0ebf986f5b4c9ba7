/** What deploys Orrery agrees with Orrery: commands, flags, variables, ports, probes, secrets, and the chart with the plain manifests. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import manifest from "../package.json" with { type: "json" };
import { createProgram } from "../src/cli/program.ts";
import { parseConfigFile } from "../src/config-file.ts";
import { healthRoutes } from "../src/http/health.ts";
import { createMetrics } from "../src/observe/metrics.ts";
import { readWorkerFile } from "../src/worker/worker-file.ts";

const root = join(import.meta.dirname, "..");
const text = (file: string) => readFileSync(join(root, file), "utf8");

interface Named {
  readonly name: string;
}
interface KeyRef {
  readonly secretKeyRef: { readonly name: string; readonly key: string };
}
interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string };
}
interface Container extends Named {
  readonly image: string;
  readonly args?: readonly string[];
  readonly env: readonly (Named & { readonly value?: string; readonly valueFrom?: KeyRef })[];
  readonly ports?: readonly (Named & { readonly containerPort: number })[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly resources: { readonly requests: object; readonly limits: object };
  readonly securityContext: Record<string, unknown>;
  readonly volumeMounts: readonly Named[];
}
interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Record<string, unknown>;
  readonly containers: readonly [Container];
  readonly volumes: readonly (Named & { readonly configMap?: Named })[];
}
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Named & { readonly labels?: Record<string, string> };
  readonly data?: Record<string, string>;
  readonly stringData?: Record<string, string>;
  readonly spec: {
    readonly replicas: number;
    readonly selector: { readonly matchLabels: Record<string, string> } & Record<string, unknown>;
    readonly ports: readonly (Named & { readonly port: number; readonly targetPort: string })[];
    readonly template: { readonly metadata: { readonly labels: Record<string, string> }; readonly spec: PodSpec };
    readonly volumeClaimTemplates?: readonly { readonly metadata: Named }[];
  };
}

function documents(source: string, name: string): Manifest[] {
  return parseAllDocuments(source).map((document) => {
    assert.deepEqual(document.errors, [], name);
    return document.toJS() as Manifest; // what the manifests are: the tests below read no other key
  });
}

const folder = "deploy/kubernetes";
const { resources } = parse(text(`${folder}/kustomization.yaml`)) as { resources: string[] };
const plain = resources.flatMap((file) => documents(text(`${folder}/${file}`), file));
const secrets = documents(text(`${folder}/secret.example.yaml`), "secret.example.yaml");
const one = (kind: string, name: string): Manifest => {
  const found = plain.filter((each) => each.kind === kind && each.metadata.name === name);
  assert.equal(found.length, 1, `${kind} ${name}`);
  return found[0] as Manifest;
};
const api = one("Deployment", "orrery");
const worker = one("Deployment", "orrery-worker");
const postgres = one("StatefulSet", "orrery-postgres");
const [apiContainer] = api.spec.template.spec.containers;
const [workerContainer] = worker.spec.template.spec.containers;
const variableOf = (name: string) => apiContainer.env.find((each) => each.name === name)?.value;

const program = createProgram(() => Promise.reject(new Error("no node is started")));
/** Of `orrery ARGS`: unknown commands and flags fail; values of flags are passed over. */
function assertRuns(args: readonly string[]): void {
  const [name, ...rest] = args;
  const command = program.commands.find((each) => each.name() === name);
  assert.ok(command, `orrery ${name}`);
  for (const flag of rest.filter((each) => each.startsWith("--")))
    assert.ok(
      command.options.some(({ long }) => long === flag),
      `orrery ${name} ${flag}`,
    );
}

const isKnown = (variable: string) => new RegExp(`^(# )?${variable}=`, "m").test(text(".env.example"));
const composeFile = () =>
  parse(text("compose.yaml")) as {
    services: Record<
      string,
      {
        environment?: Record<string, string>;
        command?: string[];
        ports?: string[];
        depends_on?: object;
        volumes?: string[];
        stop_grace_period?: string;
      }
    >;
    volumes: object;
  };

describe("the manifests for Kubernetes", () => {
  it("are all in the kustomization, but for the example of secrets", () => {
    const there = readdirSync(join(root, folder)).filter((file) => file.endsWith(".yaml"));
    assert.deepEqual(there.sort(), [...resources, "kustomization.yaml", "secret.example.yaml"].sort());
  });

  it("run commands that there are, in the image of this version", () => {
    for (const { image, args } of [apiContainer, workerContainer]) {
      assert.equal(image, `orrery:${manifest.version}`);
      assertRuns(args ?? []);
    }
  });

  it("set variables that there are, and secrets that the example names", () => {
    const helping = ["POSTGRES_PASSWORD"];
    for (const { env } of [apiContainer, workerContainer])
      for (const { name } of env) assert.ok(isKnown(name) || helping.includes(name), name);
    const keys = (env: Container["env"]) =>
      env.flatMap(({ valueFrom }) =>
        valueFrom ? [`${valueFrom.secretKeyRef.name}/${valueFrom.secretKeyRef.key}`] : [],
      );
    const wanted = [apiContainer, workerContainer, postgres.spec.template.spec.containers[0]].flatMap(({ env }) =>
      keys(env),
    );
    const given = secrets.flatMap(({ metadata, stringData }) =>
      Object.keys(stringData ?? {}).map((key) => `${metadata.name}/${key}`),
    );
    assert.deepEqual([...new Set(wanted)].sort(), given.sort());
    // $(NAME) is replaced only by a variable that stands before it.
    const names = apiContainer.env.map(({ name }) => name);
    assert.ok(names.indexOf("POSTGRES_PASSWORD") < names.indexOf("DATABASE_URL"));
  });

  it("mount files that nodes and workers can read, and workers know each type that is theirs", () => {
    const config = parseConfigFile(one("ConfigMap", "orrery").data?.["orrery.yaml"] ?? "", "orrery.yaml");
    assert.equal(variableOf("ORRERY_CONFIG"), "/etc/orrery/orrery.yaml");
    const theirs = Object.keys(config.computes).filter((name) => config.computes[name]?.kind === "worker");
    const commands = commandsOf(one("ConfigMap", "orrery-worker").data?.["worker.yaml"] ?? "");
    assert.deepEqual(commands, theirs);
    for (const { volumes, containers } of [api, worker, postgres].map(({ spec }) => spec.template.spec)) {
      const names = [
        ...volumes.map(({ name }) => name),
        ...(postgres.spec.volumeClaimTemplates ?? []).map(() => "data"),
      ];
      for (const { name } of containers[0].volumeMounts) assert.ok(names.includes(name), name);
      for (const { configMap } of volumes) if (configMap) one("ConfigMap", configMap.name);
    }
  });

  it("agree about ports and addresses", () => {
    for (const { spec } of plain.filter(({ kind }) => kind === "Service")) {
      const target = [api, postgres].find(({ spec: { template } }) =>
        Object.entries(spec.selector).every(([key, value]) => template.metadata.labels[key] === value),
      );
      for (const { port, targetPort } of spec.ports) {
        const container = target?.spec.template.spec.containers[0];
        const there = container?.ports?.find(({ name }) => name === targetPort);
        assert.equal(there?.containerPort, port, targetPort);
      }
    }
    const port = one("Service", "orrery").spec.ports[0]?.port;
    assert.equal(variableOf("PORT"), String(port));
    const url = `http://orrery:${port}`;
    assert.equal(workerContainer.env.find(({ name }) => name === "ORRERY_URL")?.value, url);
    assert.equal(new URL(variableOf("DATABASE_URL") ?? "").host, "orrery-postgres:5432");
    assert.match(text("Containerfile"), new RegExp(`PORT=${port}\\b[\\s\\S]*EXPOSE ${port}/tcp`));
  });

  it("probe what answers, and select the pods that they make", async () => {
    const routes = healthRoutes({ metrics: createMetrics(), isReady: () => true });
    for (const probe of [apiContainer.livenessProbe, apiContainer.readinessProbe]) {
      assert.equal((await routes.request(probe?.httpGet?.path ?? "none")).status, 200);
      assert.ok(apiContainer.ports?.some(({ name }) => name === probe?.httpGet?.port));
    }
    for (const { spec } of [api, worker, postgres])
      assert.deepEqual(spec.selector.matchLabels, spec.template.metadata.labels);
  });

  it("give time to stop: a node 10 s after its preStop, a worker its grace and 5 s", () => {
    assert.ok(api.spec.template.spec.terminationGracePeriodSeconds >= 5 + 10 + 5);
    const args = workerContainer.args ?? [];
    const graceS = Number(args[args.indexOf("--grace") + 1]);
    assert.ok(worker.spec.template.spec.terminationGracePeriodSeconds >= graceS + 5 + 5);
  });

  it("run without privileges, within limits", () => {
    for (const { spec } of [api, worker, postgres].map(({ spec }) => spec.template)) {
      assert.equal(spec.securityContext.runAsNonRoot, true);
      assert.ok(Number(spec.securityContext.runAsUser) > 0);
      for (const { securityContext, resources } of spec.containers) {
        assert.equal(securityContext.allowPrivilegeEscalation, false);
        assert.equal(securityContext.readOnlyRootFilesystem, true);
        assert.deepEqual(securityContext.capabilities, { drop: ["ALL"] });
        assert.ok("memory" in resources.limits && "cpu" in resources.requests);
      }
    }
    const uid = /useradd .*--uid (\d+)/.exec(text("Containerfile"))?.[1];
    assert.equal(String(api.spec.template.spec.securityContext.runAsUser), uid);
  });

  it("leave room among Postgres' 100 connections for a rolling update", () => {
    const each = Number(variableOf("MAX_CONNECTIONS")) + 1;
    assert.ok((api.spec.replicas + 1) * each <= 90);
  });
});

describe("the chart", () => {
  const chart = "deploy/helm/orrery";
  const values = parse(text(`${chart}/values.yaml`)) as Record<string, unknown>;
  const templates = readdirSync(join(root, chart, "templates")).map((file) => text(`${chart}/templates/${file}`));

  it("is of this version", () => {
    const { version, appVersion } = parse(text(`${chart}/Chart.yaml`)) as { version: string; appVersion: string };
    assert.deepEqual([version, appVersion], [manifest.version, manifest.version]);
  });

  it("names values that there are, and leaves none unused", () => {
    const paths = (value: unknown, at: string): string[] =>
      at.split(".").length <= 2 && typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.entries(value).flatMap(([key, inner]) => paths(inner, at === "" ? key : `${at}.${key}`))
        : [at];
    const there = paths(values, "");
    const used = [
      ...new Set(templates.flatMap((each) => [...each.matchAll(/\.Values\.([\w.]+)/g)].map(([, path]) => path ?? ""))),
    ];
    const covers = (path: string, other: string) =>
      path === other || path.startsWith(`${other}.`) || other.startsWith(`${path}.`);
    assert.deepEqual(
      used.filter((path) => !there.some((other) => covers(path, other))),
      [],
    );
    assert.deepEqual(
      there.filter((path) => !used.some((other) => covers(path, other))),
      [],
    );
  });

  it("holds the configurations that the plain manifests hold", () => {
    assert.equal(values.config, one("ConfigMap", "orrery").data?.["orrery.yaml"]);
    assert.equal((values.worker as { config: string }).config, one("ConfigMap", "orrery-worker").data?.["worker.yaml"]);
  });

  const helm = process.env.TEST_HELM || "helm";
  const hasHelm = spawnSync(helm, ["version"]).status === 0;
  const render = (...settings: string[]) => {
    const args = [
      "template",
      "orrery",
      join(root, chart),
      "--kube-version",
      "1.31.0",
      ...settings.flatMap((each) => ["--set", each]),
    ];
    const { status, stdout, stderr } = spawnSync(helm, args, { encoding: "utf8" });
    return { status, stderr, objects: status === 0 ? documents(stdout, "helm template") : [] };
  };
  const byName = (objects: readonly Manifest[]) =>
    Object.fromEntries(objects.map((each) => [`${each.kind} ${each.metadata.name}`, each]));

  it("renders the plain manifests", { skip: !hasHelm }, () => {
    const own = /^(app\.kubernetes\.io\/instance|checksum\/.*)$/;
    const stripped = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(stripped);
      if (typeof value !== "object" || value === null) return value;
      const kept = Object.entries(value).filter(([key]) => !own.test(key));
      const inner = kept.map(([key, each]) => [key, stripped(each)] as const);
      return Object.fromEntries(
        inner.filter(([key, each]) => key !== "annotations" || Object.keys(each as object).length > 0),
      );
    };
    const rendered = render("secret.existing=orrery");
    assert.equal(rendered.status, 0, rendered.stderr);
    assert.deepEqual(stripped(byName(rendered.objects)), byName(plain.filter(({ kind }) => kind !== "Namespace")));
  });

  it("renders with a database of one's own, without workers, with secrets made", { skip: !hasHelm }, () => {
    const external = render(
      "secret.existing=mine",
      "postgres.enabled=false",
      "externalPostgres.secret=db",
      "worker.enabled=false",
    );
    assert.deepEqual(Object.keys(byName(external.objects)).sort(), [
      "ConfigMap orrery",
      "Deployment orrery",
      "PodDisruptionBudget orrery",
      "Service orrery",
    ]);
    const { env } = (byName(external.objects)["Deployment orrery"] as Manifest).spec.template.spec.containers[0];
    const url = env.find(({ name }) => name === "DATABASE_URL");
    assert.deepEqual(url?.valueFrom, { secretKeyRef: { name: "db", key: "DATABASE_URL" } });
    const made = render("secret.secretKey=k", "secret.remoteApis=[]", "secret.postgresPassword=p");
    const { stringData } = byName(made.objects)["Secret orrery"] as Manifest;
    assert.deepEqual(stringData, { SECRET_KEY: "k", REMOTE_APIS: "[]", POSTGRES_PASSWORD: "p" });
    assert.match(render().stderr, /secret\.secretKey is needed/);
  });
});

describe("compose.yaml and deploy/orrery.yaml", () => {
  const { services, volumes } = composeFile();

  it("run commands that there are, with variables that there are", () => {
    for (const [name, { environment = {}, command }] of Object.entries(services)) {
      if (["postgres", "redis"].includes(name)) continue;
      for (const variable of Object.keys(environment)) assert.ok(isKnown(variable), variable);
      if (command) assertRuns(command);
    }
    const used = [...text("compose.yaml").matchAll(/\$\{(\w+)/g)].map(([, name]) => name ?? "");
    for (const variable of used) assert.ok(isKnown(variable), variable);
  });

  it("name services and volumes that there are, and publish the ports that passes listen on", () => {
    for (const { depends_on = {}, volumes: mounts = [] } of Object.values(services)) {
      for (const other of Object.keys(depends_on)) assert.ok(other in services, other);
      for (const mount of mounts) {
        const [from = ""] = mount.split(":");
        assert.ok(from in volumes || (from.startsWith("./") && text(from).length > 0), mount);
      }
    }
    const { ground } = parseConfigFile(text("deploy/orrery.yaml"), "deploy/orrery.yaml");
    const udp = `${ground.portMin}-${ground.portMax}`;
    assert.deepEqual(services.orrery?.ports, ["3000:3000", `${udp}:${udp}/udp`]);
  });

  it("have a worker that knows each type that is left to workers", () => {
    const config = parseConfigFile(text("deploy/orrery.yaml"), "deploy/orrery.yaml");
    const theirs = Object.keys(config.computes).filter((name) => config.computes[name]?.kind === "worker");
    assert.deepEqual([...readWorkerFile(join(root, "deploy/worker.yaml")).commands.keys()], theirs);
    assert.equal(parseInt(services.worker?.stop_grace_period ?? "0", 10) >= 30 + 5, true);
  });
});

describe("the workflow", () => {
  it("is YAML, and runs scripts that there are", () => {
    const { jobs } = parse(text(".github/workflows/ci.yml")) as { jobs: Record<string, { steps: { run?: string }[] }> };
    const runs = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => (run ? [run] : [])));
    assert.ok(runs.includes(".ci/run") && text(".ci/run").length > 0);
    for (const [path = ""] of runs.join("\n").matchAll(/\b(deploy\/[\w/]+|Containerfile)\b/g))
      assert.ok(existsSync(join(root, path)), path);
  });
});

function commandsOf(workerYaml: string): string[] {
  return Object.keys((parse(workerYaml) as { commands: object }).commands);
}
