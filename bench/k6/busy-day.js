// Question (P3): do many people at a human pace notice each other? Each user publishes a plan, looks at it, and reports on its products
// one after the other with waits between; then, with LOOP=1, starts over after RESTART seconds.
// demo: USERS=1. Busy day: USERS=300. Stress: USERS=2500 LOOP=1.
// Settings: URL, SERVICE and KEY (or TOKEN), USERS (300), SPAWN users a second (30), LOOP (0), PROCESSING_MIN (1), PROCESSING_MAX (3),
// RESTART (5), SECONDS (600: the longest it may take).
import { check, fail, sleep } from "k6";
import http from "k6/http";
import { newPlan, productIds } from "./plan.js";

const env = __ENV;
const url = env.URL ?? "http://127.0.0.1:3000";
const users = Number(env.USERS ?? 300);
const spawnS = Math.max(1, Math.ceil(users / Number(env.SPAWN ?? 30)));
const seconds = Number(env.SECONDS ?? 600);
const isLoop = env.LOOP === "1";
const processingMin = Number(env.PROCESSING_MIN ?? 1);
const processingMax = Number(env.PROCESSING_MAX ?? 3);

export const options = {
  scenarios: {
    day: isLoop
      ? { executor: "constant-vus", vus: users, duration: `${seconds}s`, gracefulStop: "10s" }
      : { executor: "per-vu-iterations", vus: users, iterations: 1, maxDuration: `${seconds}s` },
  },
  summaryTrendStats: ["avg", "med", "p(95)", "p(99)", "max"],
  thresholds: { checks: ["rate==1"] },
};

export function setup() {
  if (env.TOKEN) return env.TOKEN;
  const login = JSON.stringify({ service: env.SERVICE, key: env.KEY });
  const answer = http.post(`${url}/api/authenticate`, login, { headers: { "Content-Type": "application/json" } });
  if (answer.status !== 200) fail(`cannot sign in as ${env.SERVICE}: ${answer.body}`);
  return answer.json("access_token");
}

export default function (token) {
  const params = (name) => ({
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    tags: { name },
  });
  const pause = () => sleep(processingMin + Math.random() * (processingMax - processingMin));
  if (__ITER === 0) sleep(Math.random() * spawnS);

  const plan = newPlan();
  const id = plan.dataset.id;
  ok(http.post(`${url}/api/plan`, JSON.stringify(plan), params("POST plan")));
  ok(http.get(`${url}/`, { tags: { name: "GET home" } }));
  ok(http.get(`${url}/component/plan_search?search_by=${id}&page=0`, { tags: { name: "GET search" } }));
  for (const product of productIds) {
    for (const state of ["running", "success"]) {
      pause();
      const body = JSON.stringify([{ id: product, state }]);
      ok(http.put(`${url}/api/data_product/${id}/update`, body, params("PUT update")));
    }
    ok(http.get(`${url}/plan/${id}`, { tags: { name: "GET plan page" } }));
  }
  const done = ok(http.get(`${url}/api/plan/${id}`, { tags: { name: "GET plan" } }));
  check(done, {
    "every product is success": (r) => r.json("data_products").every((product) => product.state === "success"),
  });
  if (isLoop) sleep(Number(env.RESTART ?? 5));
}

function ok(response) {
  check(response, { "status is 200": (r) => r.status === 200 });
  return response;
}

export function handleSummary(data) {
  return { stdout: JSON.stringify(data.metrics) };
}
