// @ts-check
/**
 * Keeps a part of a page true to the server: hears its events, fetches the part again (one request at a time, no more than
 * ten a second) and says in the page whether it hears anything at all.
 */

/** @typedef {{ readonly [name: string]: unknown }} LiveEvent */

/**
 * `wanted`: an event's name → what to do with its data before the refresh. `refresh` fetches and shows; it is called again
 * after each event, and when the connection comes back, as events may have been missed.
 * @param {{ query: string, wanted: Record<string, (data: LiveEvent) => void>, refresh: () => Promise<void>, missed: () => void }} part
 */
export function keepLive({ query, wanted, refresh, missed }) {
  const note = document.getElementById("live_state");
  let isBusy = false;
  let isDue = false;

  const show = (/** @type {boolean} */ isOn) => {
    if (note === null) return;
    note.hidden = false;
    note.classList.toggle("on", isOn);
    note.textContent = isOn ? "Live" : "Connecting";
  };

  const schedule = async () => {
    isDue = true;
    if (isBusy) return;
    isBusy = true;
    while (isDue) {
      isDue = false;
      try {
        await refresh();
      } catch {
        show(false); // the next event or reconnect tries again
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    isBusy = false;
  };

  let wasOpen = false;
  const events = new EventSource(`/api/event?${query}`);
  events.onopen = () => {
    show(true);
    if (wasOpen) {
      missed();
      schedule();
    }
    wasOpen = true;
  };
  events.onerror = () => show(false);
  for (const [name, hear] of Object.entries(wanted)) {
    events.addEventListener(name, (event) => {
      hear(JSON.parse(event.data));
      schedule();
    });
  }
  events.addEventListener("missed", () => {
    missed();
    schedule();
  });
  window.addEventListener("pagehide", () => events.close());
}

/**
 * Fetches a fragment as a document of its own; null when the server has none.
 * @param {string} url
 */
export async function fetchFragment(url) {
  const response = await fetch(url, { headers: { Accept: "text/html" } });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

/**
 * Puts the fragment's element in place of the page's one with the same id, if it says anything else.
 * @param {Document} fragment @param {string} id
 */
export function replaceContent(fragment, id) {
  const next = fragment.getElementById(id);
  const here = document.getElementById(id);
  if (next === null || here === null || here.innerHTML === next.innerHTML) return false;
  for (const { id: opened } of here.querySelectorAll("details[open][id]")) {
    next.querySelector(`#${CSS.escape(opened)}`)?.setAttribute("open", "");
  }
  here.replaceChildren(...next.childNodes);
  return true;
}
