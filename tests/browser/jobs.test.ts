/** Queues, jobs and dead letters in a real browser: they move by themselves, and are steered by who may. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { accessible, openBrowser, visit } from "../support/browser.ts";
import { done, Scene } from "../support/http.ts";
import { confirmed, goodInEveryLook, picture, visitAs } from "../support/job-pages.ts";
import { openTestRuntime, type TestRuntime } from "../support/runtime.ts";
import { until } from "../support/signal.ts";

let api: TestRuntime;
let browser: Browser;
const hostile = `<img src=x onerror=alert(1)>`;

before(async () => {
  const shell = { kind: "shell" } as const;
  [api, browser] = await Promise.all([
    openTestRuntime({
      config: {
        computes: {
          greet: {
            ...shell,
            command: `cat > /dev/null; echo "hello"; echo '{"greeted":"${hostile}","n":12345678901234567890}'`,
          },
          slow: { ...shell, command: "for n in 1 2 3 4 5 6 7 8 9; do echo line $n; sleep 0.2; done; sleep 60" },
          fail: { ...shell, command: `echo "about to fail"; echo '${hostile}' >&2; exit 3`, attempts: 1 },
          [hostile]: { ...shell, command: "exit 3", attempts: 1 },
        },
      },
    }),
    openBrowser(),
  ]);
});
after(async () => {
  await browser.close();
  await api.stop();
});

async function enqueue(body: object): Promise<string> {
  return done(await api.request("POST", "/api/job", { token: await api.tokenOf("publisher"), body })).json.id;
}
const stateOf = async (id: string): Promise<string> => (await api.request("GET", `/api/job/${id}`)).json.state;
const inState = (id: string, state: string) =>
  until(`job ${id} is ${state}`, async () => (await stateOf(id)) === state);

describe("the page of queues", () => {
  it("shows jobs that come in by itself, and pauses a queue for who may", async () => {
    const { page, faults, close } = await visitAs(browser, api, "operator", "/job");
    await page.waitForSelector("#live_state.on");
    await confirmed(page, "Pause", /Nothing of it is leased any more/);
    const queue = page.locator("#queue-default");
    await queue.locator(".state.paused").waitFor();
    for (let n = 0; n < 3; n++) await enqueue({ job_type: "greet" });
    await queue.locator("td[data-column=Waiting]", { hasText: "3" }).waitFor();
    await queue.locator("td[data-column='Waits since'] time").waitFor();
    await queue.getByRole("button", { name: "Unpause" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Unpause" }).click();
    await queue.locator(".state.unpaused").waitFor();
    await queue.locator(".spark rect.good").first().waitFor();
    await queue.locator("td[data-column=Waiting]", { hasText: /^0$/ }).waitFor();

    await queue.getByRole("button", { name: "Limits…" }).click();
    const dialog = page.getByRole("dialog");
    const confirm = dialog.getByRole("button", { name: "Set limits" });
    assert.ok(await confirm.isDisabled(), "nothing would change");
    await dialog.getByLabel("At once jobs that run").fill("-1");
    assert.ok(await confirm.isDisabled(), "it cannot be less than none");
    await dialog.getByLabel("At once jobs that run").fill("4");
    await dialog.getByLabel("Starts a second").fill("0.5");
    await dialog.getByText("At once: none → 4; Starts a second: none → 0.5").waitFor();
    await accessible(page);
    await picture(page, "queue-limits");
    await confirm.click();
    await queue.getByText("4 at once · 0.5 starts/s").waitFor();
    const limits = async () =>
      (await api.request("GET", "/api/queue")).json.find(({ name }: { name: string }) => name === "default");
    const { concurrency, rate_per_s, key_concurrency, paused } = await limits();
    assert.deepEqual([concurrency, rate_per_s, key_concurrency, paused], [4, 0.5, null, false]);
    await queue.getByRole("button", { name: "Limits…" }).click();
    await dialog.getByLabel("Starts a second").fill("");
    await dialog.getByLabel("At once jobs that run").fill("");
    await confirm.click();
    await queue.getByText("4 at once").waitFor({ state: "detached" });
    assert.equal((await limits()).concurrency, null);
    await page.locator(".policies", { hasText: "default" }).waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  it("offers nothing to who may not, and says what is needed", async () => {
    const stranger = await visit(browser, `${api.url}/job`);
    assert.equal(await stranger.page.locator("button.act").count(), 0);
    await stranger.page.getByRole("link", { name: "Sign in" }).last().click();
    await stranger.page.waitForURL(`${api.url}/sign-in?next=%2Fjob`);
    await stranger.close();
    const reader = await visitAs(browser, api, "reader", "/job");
    assert.equal(await reader.page.locator("button.act").count(), 0);
    await reader.page.getByText("needs the role operate").waitFor();
    await reader.close();
  });

  it("tells a refusal in the dialog", async () => {
    const { page, close } = await visitAs(browser, api, "operator", "/job");
    await page.locator("#queue-default").getByRole("button", { name: "Pause" }).click();
    await page.context().clearCookies();
    await page.getByRole("dialog").getByRole("button", { name: "Pause" }).click();
    await page.getByRole("alert").waitFor();
    assert.match((await page.getByRole("alert").textContent()) ?? "", /token/);
    await close();
  });
});

describe("the list of jobs", () => {
  it("is filtered, paged and reached by keys, also without JavaScript", async () => {
    const ids: string[] = [];
    for (let n = 0; n < 52; n++) ids.push(await enqueue({ job_type: "greet", queue: "many", delay_s: 3600 }));
    const other = await enqueue({ job_type: "greet", queue: "many" });
    await inState(other, "succeeded");
    const plain = await visit(browser, `${api.url}/job/list`, { javaScript: false });
    await plain.page.fill("input[name=queue]", "many");
    await plain.page.selectOption("select[name=state]", "scheduled");
    await plain.page.getByRole("button", { name: "Filter" }).click();
    assert.equal(await plain.page.locator("tbody tr").count(), 50);
    await plain.page.getByRole("link", { name: "Older jobs" }).click();
    assert.equal(await plain.page.locator("tbody tr").count(), 2);
    await plain.close();

    const { page, faults, close } = await visit(browser, `${api.url}/job/list?queue=many`);
    await page.waitForSelector("#live_state.on");
    assert.equal(await page.locator("tbody tr").first().locator(".state").textContent(), "succeeded");
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    const second = await page.evaluate(() => document.activeElement?.textContent);
    assert.equal(second, ids.at(-1));
    // A new row comes in above: the reader stays where he was.
    const newest = await enqueue({ job_type: "greet", queue: "many", delay_s: 3600 });
    await page.locator(`#job-${newest}`).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), second);
    await page.keyboard.press("k");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await picture(page, "keys");
    await page.keyboard.press("Escape");
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("name")), "queue");
    await page.keyboard.type("jk?");
    assert.equal(await page.inputValue("input[name=queue]"), "jk?");
    await page.goto(`${api.url}/job/list?queue=nobody%27s`);
    await page.getByText("No job matches").waitFor();
    assert.deepEqual(faults, []);
    await close();
  });
});

describe("the page of a job", () => {
  it("follows its log and its story, and cancels it", async () => {
    const id = await enqueue({ job_type: "slow", payload: { [hostile]: 12345678901234567890n.toString() } });
    const { page, faults, close } = await visitAs(browser, api, "operator", `/job/${id}`);
    await page.locator("#log_text", { hasText: "line 2" }).waitFor();
    await page.locator("#log_text", { hasText: "line 9" }).waitFor();
    await picture(page, "job-running");
    await page.locator("main .title .state.running").waitFor();
    assert.match((await page.textContent(".explain")) ?? "", /runs attempt 1 of/);
    assert.match((await page.textContent(".json-key")) ?? "", /<img src=x/);
    await confirmed(page, "Cancel", /slow, running, in queue default/);
    await page.locator("main .title .state.cancelled").waitFor();
    await page.locator(".job-story li[data-kind=ended]").waitFor();
    assert.equal(await stateOf(id), "cancelled");
    assert.equal(await page.getByRole("button", { name: "Cancel" }).count(), 0);
    await confirmed(page, "Replay", /has its payload and settings/);
    await page.waitForURL((url) => url.pathname.startsWith("/job/") && !url.pathname.endsWith(id));
    await page.getByRole("link", { name: id }).first().waitFor();
    assert.deepEqual(faults, []);
    const again = new URL(page.url()).pathname.split("/").at(-1) ?? "";
    await close();
    await api.request("PUT", `/api/job/${again}/cancel`, { token: await api.tokenOf("operator") });
  });

  it("redrives a dead one, and leads to what took its place", async () => {
    const id = await enqueue({ job_type: "fail", queue: "redriven" });
    await inState(id, "dead");
    const { page, faults, close } = await visitAs(browser, api, "operator", `/job/${id}`);
    await confirmed(page, "Redrive", /A new job takes its place/);
    await page.getByRole("button", { name: "Redrive" }).waitFor({ state: "detached" });
    const redriven = (await api.request("GET", `/api/job/${id}`)).json.redriven_as;
    await page.locator(`main a[href="/job/${redriven}"]`).first().waitFor();
    assert.deepEqual(faults, []);
    await close();
    await inState(redriven, "dead");
  });

  it("of a product leads to its plan, and tells what came of it", async () => {
    const scene = new Scene(api);
    const body = scene.body("a");
    const [product] = body.data_products;
    assert.ok(product);
    done(await scene.publish({ ...body, data_products: [{ ...product, compute: "greet" }] }));
    const list = () => api.request("GET", `/api/job?dataset_id=${scene.datasetId}`);
    await until("it has succeeded", async () => (await list()).json.rows[0]?.state === "succeeded");
    const { id } = (await list()).json.rows[0];
    const { page, faults, close } = await visitAs(browser, api, "operator", `/job/${id}`);
    await page.locator(".json-number", { hasText: "12345678901234567890" }).waitFor();
    await page.getByText("steer it on").waitFor();
    await page.locator("#log_text", { hasText: "hello" }).waitFor();
    assert.equal(await page.locator("button.act").count(), 0);
    await page.getByRole("link", { name: "its plan" }).click();
    await page.waitForURL(`${api.url}/plan/${scene.datasetId}#product-${scene.id("a")}`);
    assert.deepEqual(faults, []);
    await close();
  });

  it("is the 404 page when there is none", async () => {
    for (const path of ["/job/nonsense", "/job/0190a2f0-0000-7000-8000-000000000000"]) {
      assert.equal((await api.request("GET", path)).status, 404);
      assert.equal((await api.request("GET", `/component${path}`)).status, 404);
    }
  });
});

describe("dead letters", () => {
  it("are grouped, redriven one by one and by filter, after a dry run, and go away by themselves", async () => {
    const ids = await Promise.all([1, 2, 3].map(() => enqueue({ job_type: "fail", queue: "broken" })));
    await Promise.all(ids.map((id) => inState(id, "dead")));
    const nasty = await enqueue({ job_type: hostile });
    await inState(nasty, "dead");
    const { page, faults, close } = await visitAs(browser, api, "operator", "/dead-letter");
    await page.locator(".groups tr", { hasText: "broken" }).getByText("3", { exact: true }).waitFor();
    await page.locator(".groups", { hasText: hostile }).waitFor();
    // Nothing of it runs before it is looked at.
    const operator = await api.tokenOf("operator");
    done(await api.request("PUT", "/api/queue/broken", { token: operator, body: { paused: true } }));

    await page.locator(`#job-${ids[0]}`).getByRole("button", { name: "Redrive" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("1 would be redriven").waitFor();
    await dialog.getByRole("button", { name: "Redrive" }).click();
    await dialog.getByText("1 of 1 redriven").waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await page.locator(`#job-${ids[0]}`).waitFor({ state: "detached" });

    await page.locator(".groups tr", { hasText: "broken" }).getByRole("button", { name: "Redrive" }).click();
    await dialog.getByText("2 would be redriven").waitFor();
    await picture(page, "redrive");
    assert.match((await dialog.textContent()) ?? "", /2 dead letters in queue broken of type fail/);
    await dialog.getByRole("button", { name: "Cancel" }).click();
    assert.equal(await stateOf(ids[1] ?? ""), "dead");
    await page.locator(".groups tr", { hasText: "broken" }).getByRole("button", { name: "Redrive" }).click();
    await dialog.locator("button.primary:enabled").click();
    await dialog.getByText("2 of 2 redriven").waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await page.locator(".groups tr", { hasText: "broken" }).waitFor({ state: "detached" });
    const { rows } = (await api.request("GET", "/api/job?queue=broken&state=queued")).json;
    assert.equal(rows.length, 3);
    assert.deepEqual(faults, []);
    await close();

    done(await api.request("PUT", "/api/queue/broken", { token: operator, body: { paused: false } }));
    for (const { id } of rows) await inState(id, "dead");
    const stranger = await visit(browser, `${api.url}/dead-letter?queue=broken`);
    assert.equal(await stranger.page.locator("button.act").count(), 0);
    assert.equal(await stranger.page.locator(".dead-jobs tbody tr").count(), 3);
    await stranger.close();
  });
});

describe("in every look, accessible, without faults, and no wider than the screen", () => {
  it("queues", async () => {
    const operator = await api.tokenOf("operator");
    await api.request("PUT", "/api/queue/many", { token: operator, body: { concurrency: 4, rate_per_s: 10 } });
    await goodInEveryLook(browser, api, "operator", "/job", "queues");
  });
  it("jobs", () => goodInEveryLook(browser, api, "operator", "/job/list", "jobs"));
  it("dead letters", () => goodInEveryLook(browser, api, "operator", "/dead-letter", "dead-letters"));
  it("a job", async () => {
    const { rows } = (await api.request("GET", "/api/job?queue=broken&state=dead")).json;
    await goodInEveryLook(browser, api, "operator", `/job/${rows[0].id}`, "job", (page) =>
      page.locator("#log_text", { hasText: "about to fail" }).waitFor(),
    );
  });
});
