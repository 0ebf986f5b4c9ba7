/** Computes and job types in orrery.yaml: what is taken, and that each refusal names file, line, column and what would do. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseConfigFile } from "../src/config-file.ts";
import { SetupError } from "../src/model/errors.ts";

const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;

function refusal(yaml: string): string {
  try {
    parseConfigFile(yaml, "o.yaml");
  } catch (error) {
    assert.ok(error instanceof SetupError, `not a refusal but ${error}`);
    return error.message;
  }
  return assert.fail("was accepted");
}

const inHttp = (lines: string): string =>
  refusal(`computes:\n  a:\n    kind: http\n    url: https://a.test/\n    ${lines}\n`);

describe("computes in orrery.yaml", () => {
  it("may be of every kind, with all that each one takes", () => {
    const { computes, jobTypes } = parseConfigFile(
      `computes:
  signed:
    kind: http
    url: https://service.example.org/compute
    secret: [${secret}, ${secret}]
    secret_env: HOOK_SECRET
    headers: { x-mission: aurora }
    headers_env: { authorization: TOKEN }
    ca_file: ca.pem
    allow_private: [10.2.0.0/16, inside.example.org]
    timeout_s: 60
    queue: remote
    requires: [gpu]
    retry: { kind: linear, base_s: 2, max_s: 30, jitter: false }
    no_retry: [404, E_ORBIT]
  cluster:
    kind: ray
    address: http://ray-head:8265
    entrypoint: python plot.py
    runtime_env: { pip: [numpy], env_vars: { SCALE: "2" } }
    entrypoint_num_cpus: 0.5
    entrypoint_num_gpus: 1
    entrypoint_memory: 1000000
    entrypoint_resources: { antenna: 1 }
    poll_s: 5
  away: { kind: worker, requires: [berlin] }
  boxed:
    kind: container
    image: registry.example.org:5000/plot@sha256:0a
    command: [plot, --fast]
    env: { SCALE: "2" }
    mounts: [{ source: data, target: /data }]
    network: mission
    cpus: 2
    memory_mb: 512
    runtime: podman
job_types:
  nightly: { compute: signed, queue: night, attempts: 9, concurrency: 1, timeout_s: 3600, no_retry: [] }
`,
      "o.yaml",
    );
    assert.deepEqual(Object.keys(computes), ["signed", "cluster", "away", "boxed"]);
    assert.deepEqual(jobTypes.nightly, {
      ...{ compute: "signed", queue: "night", attempts: 9, concurrency: 1, timeout_s: 3600, no_retry: [] },
    });
  });

  it("refuse an unknown key, and list the ones that the kind has", () => {
    assert.match(
      inHttp("entrypoint: x"),
      /^o\.yaml:5:5: unknown key "entrypoint" in computes\.a: known keys are kind, url, secret,/,
    );
    assert.match(
      inHttp("retry: { base: 1 }"),
      /^o\.yaml:5:14: unknown key "base" in computes\.a\.retry: known keys are kind, base_s/,
    );
    const mount = "computes:\n  a: { kind: container, image: i, mounts: [{ source: a, to: /b, target: /b }] }\n";
    assert.match(
      refusal(mount),
      /^o\.yaml:2:57: unknown key "to" in computes\.a\.mounts\.0: known keys are source, target, read_only/,
    );
    assert.match(
      refusal("job_types:\n  t: { compute: a, url: x }\n"),
      /^o\.yaml:2:20: unknown key "url" in job_types\.t: known keys are compute, timeout_s/,
    );
  });

  it("refuse an address that is none, or holds a password", () => {
    const at = (url: string) => refusal(`computes:\n  a: { kind: http, url: "${url}" }\n`);
    for (const url of ["service", "ftp://a.test", "/compute", "http://"])
      assert.match(at(url), /^o\.yaml:2:20: .*an address such as/);
    assert.match(at("https://me:hunter2@a.test/"), /no name or password/);
    assert.doesNotMatch(at("https://me:hunter2@a.test/"), /hunter2/);
  });

  it("refuse a secret that is too weak, and say how one is made", () => {
    for (const weak of ["hunter2", "whsec_", "whsec_aHVudGVyMg==", "whsec_not base64 at all, however long it may be"]) {
      const message = inHttp(`secret: "${weak}"`);
      assert.match(message, /^o\.yaml:5:5: .*whsec_\$\(openssl rand -base64 32\)/);
      assert.doesNotMatch(message, /hunter2|aHVu/);
    }
  });

  it("refuse headers that are ours, or would break the request", () => {
    for (const name of ["Host", "webhook-id", "Webhook-Signature", "content-length", "Transfer-Encoding"])
      assert.match(inHttp(`headers: { ${name}: x }`), /^o\.yaml:5:16: .*set by us/);
    assert.match(inHttp('headers: { "a b": x }'), /a header's name is needed/);
    assert.match(inHttp('headers: { a: "x\\r\\nevil: y" }'), /no line breaks/);
  });

  it("refuse numbers out of bounds", () => {
    assert.match(inHttp("timeout_s: 0"), /^o\.yaml:5:5: cannot use computes\.a\.timeout_s/);
    assert.match(inHttp("attempts: 101"), /computes\.a\.attempts/);
    assert.match(inHttp("retry: { base_s: 90 }"), /base_s \(1 if absent\) may not be above max_s/);
    assert.match(inHttp("retry: { kind: quadratic }"), /computes\.a\.retry\.kind/);
    assert.match(inHttp("queue: 'a b'"), /a queue's name has letters/);
  });

  it("refuse what a container engine could take for something else", () => {
    const at = (entry: string) => refusal(`computes:\n  a: { kind: container, ${entry} }\n`);
    assert.match(at("image: --privileged"), /the name of an image/);
    assert.match(at("image: i, network: --host"), /the name of a network/);
    assert.match(at('image: i, mounts: [{ source: "a,readonly", target: /b }]'), /no comma/);
    assert.match(at("image: i, mounts: [{ source: a, target: b }]"), /an absolute path/);
    assert.match(at('image: i, env: { "A=B": c }'), /environment variable/);
  });
});

describe("job types in orrery.yaml", () => {
  const computes = "computes:\n  a: { kind: worker }\n  b: { kind: external }\n";

  it("refuse a compute that is not there or that nobody dispatches, by line and column", () => {
    assert.match(
      refusal(`${computes}job_types:\n  t:\n    compute: nothing\n`),
      /^o\.yaml:6:5: cannot use job_types\.t\.compute: "nothing" is not one of computes; known are a$/,
    );
    assert.match(
      refusal(`${computes}job_types:\n  t: { compute: b }\n`),
      /^o\.yaml:5:8: .*"b" is external: nobody dispatches it/,
    );
    assert.match(
      refusal(`${computes}job_types:\n  t: { compute: constructor }\n`),
      /"constructor" is not one of computes/,
    );
    assert.match(refusal("job_types:\n  t: { compute: cams }\n"), /known are none/);
  });

  it("refuse a name that a compute has", () => {
    assert.match(refusal(`${computes}job_types:\n  a: { compute: a }\n`), /^o\.yaml:5:3: .*there is a compute "a" too/);
    assert.match(
      refusal(`${computes}job_types:\n  cams: { compute: a }\n`),
      /^o\.yaml:5:3: .*the name "cams" is a compute's/,
    );
    assert.match(refusal(`${computes}job_types:\n  orrery: { compute: a }\n`), /reserved/);
  });
});
