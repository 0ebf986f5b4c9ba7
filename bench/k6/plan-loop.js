// Question (P1, P2): what does the plan loop cost? Each user: publish a plan of 11 products, report each one running, then success,
// clear the first; with PAGES=1 also look at the home page, a search and the plan's page. No waits: this is the capacity of one node.
// Settings: URL, TOKEN, USERS (30), SECONDS (20), PAGES (0). bench/plan-loop.ts starts the server and takes the CPU.
import { check } from "k6";
import http from "k6/http";
import { newPlan, productIds } from "./plan.js";

const { URL = "http://127.0.0.1:3000", TOKEN, USERS = "30", SECONDS = "20", PAGES = "0" } = __ENV;

export const options = {
  scenarios: { loop: { executor: "constant-vus", vus: Number(USERS), duration: `${SECONDS}s`, gracefulStop: "5s" } },
  summaryTrendStats: ["avg", "med", "p(95)", "p(99)", "max"],
  discardResponseBodies: true,
  thresholds: { checks: ["rate==1"] },
};

const params = { headers: { "Content-Type": "application/json", Authorization: `Bearer ${TOKEN}` } };

export default function () {
  const plan = newPlan();
  const id = plan.dataset.id;
  ok(http.post(`${URL}/api/plan`, JSON.stringify(plan), named("POST plan")));
  for (const product of productIds) {
    for (const state of ["running", "success"]) {
      const body = JSON.stringify([{ id: product, state }]);
      ok(http.put(`${URL}/api/data_product/${id}/update`, body, named("PUT update")));
    }
  }
  ok(http.put(`${URL}/api/data_product/${id}/clear`, JSON.stringify([productIds[0]]), named("PUT clear")));
  if (PAGES !== "1") return;
  ok(http.get(`${URL}/`, { tags: { name: "GET home" } }));
  ok(http.get(`${URL}/component/plan_search?search_by=${id.slice(0, 8)}&page=0`, { tags: { name: "GET search" } }));
  ok(http.get(`${URL}/plan/${id}`, { tags: { name: "GET plan page" } }));
}

const named = (name) => ({ ...params, tags: { name } });
const ok = (response) => check(response, { "status is 200": (r) => r.status === 200 });

export function handleSummary(data) {
  return { stdout: JSON.stringify(data.metrics) };
}
