/** A task that is one request: sent over a guarded connection, as the http compute's are. JSON that comes back is its passback. */
import type { Outcome, Task } from "../compute/compute.ts";
import { defaults } from "../compute/compute.ts";
import { messageOf, reasonOf } from "../compute/function.ts";
import { RequestFailedError, requestGuarded } from "../compute/guarded-request.ts";
import { outcomeOfAnswer } from "../compute/http-answer.ts";
import { storableText } from "../compute/output.ts";
import { checkPassback } from "../compute/passback.ts";
import { parseJson } from "../model/json.ts";
import type { HttpWork } from "./templates.ts";

/** What is kept of an answer that is no JSON. */
const shownMax = 4096;

export async function runRequest(
  work: HttpWork & { readonly timeoutMs: number },
  task: Task,
  signal: AbortSignal,
): Promise<Outcome> {
  let url: URL;
  try {
    url = new URL(work.url);
  } catch {
    return {
      outcome: "failed",
      error: `cannot send a request to "${work.url.slice(0, 200)}"`,
      isFinal: true,
      output: "",
    };
  }
  if (url.protocol !== "https:" && url.protocol !== "http:")
    return { outcome: "failed", error: `cannot send a request by ${url.protocol}`, isFinal: true, output: "" };
  const timeoutMs = Math.min(work.timeoutMs, task.timeoutMs ?? work.timeoutMs);
  try {
    const answer = await requestGuarded({
      ...{ url, method: work.method, allowPrivate: work.allowPrivate, timeoutMs, signal },
      answerBytesMax: defaults.passbackBytesMax,
      headers: {
        accept: "application/json, */*;q=0.1",
        "user-agent": "orrery",
        ...(work.body !== null && { "content-type": "application/json" }),
        "idempotency-key": `${task.jobId}`,
        ...work.headers,
      },
      ...(work.body !== null && { body: work.body }),
    });
    if (answer.status < 200 || answer.status > 299) return outcomeOfAnswer(answer, url.host) ?? failed("no answer");
    const { passback, output } = resultOf(answer.text);
    return { outcome: "succeeded", passback, link: null, output };
  } catch (error) {
    if (signal.aborted) return { outcome: "cancelled", error: reasonOf(signal), output: "" };
    const code = error instanceof RequestFailedError ? error.code : "network";
    return {
      outcome: code === "timeout" ? "timed_out" : "failed",
      ...{ error: messageOf(error), code, isFinal: code === "address_refused", output: "" },
    };
  }
}

const failed = (error: string): Outcome => ({ outcome: "failed", error, output: "" });

function resultOf(text: string): { passback: string | null; output: string } {
  try {
    parseJson(text);
    return { passback: checkPassback(text.trim()), output: "" };
  } catch {
    return { passback: null, output: storableText(text.slice(0, shownMax)) };
  }
}
