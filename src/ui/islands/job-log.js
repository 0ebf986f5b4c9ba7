// @ts-check
/** Follows what a job prints into an element, as it comes, until the job ends. */

/** Characters that are kept in the page; older ones are behind the link to the whole. */
const lengthMax = 400_000;
/** This close to its end, the reader wants to see what comes. */
const nearEndPx = 40;

/**
 * @param {HTMLElement} into @param {string} jobId @param {(said: string) => void} tell
 * @returns {() => void} stops it
 */
export function followLog(into, jobId, tell) {
  const source = new EventSource(`/api/job/${jobId}/log?follow=true`);
  let lease = 0;
  let length = 0;
  into.replaceChildren();
  into.hidden = true;
  tell("Nothing printed yet");

  /** @param {Node} node */
  const add = (node) => {
    const isAtEnd = into.scrollHeight - into.scrollTop - into.clientHeight < nearEndPx;
    into.hidden = false;
    into.append(node);
    length += node.textContent?.length ?? 0;
    while (length > lengthMax && into.childNodes.length > 1) {
      length -= into.firstChild?.textContent?.length ?? 0;
      into.firstChild?.remove();
    }
    if (isAtEnd) into.scrollTop = into.scrollHeight;
  };

  source.addEventListener("line", (event) => {
    const { token, text } = JSON.parse(event.data);
    if (lease !== 0 && token !== lease) {
      const line = document.createElement("span");
      line.className = "log-break";
      line.textContent = "next attempt\n";
      add(line);
    }
    lease = token;
    add(document.createTextNode(text));
    tell("Followed live");
  });
  source.addEventListener("end", (event) => {
    source.close();
    tell(length === 0 ? "It printed nothing" : `Job ${JSON.parse(event.data).state}`);
  });
  // It connects again by itself, and goes on after the last line; a refused one does not.
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) tell("The log cannot be followed");
  };
  return () => source.close();
}
