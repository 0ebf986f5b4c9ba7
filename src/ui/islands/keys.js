// @ts-check
/** Keys of every page: j and k walk over rows, / goes to the search, ? shows them all. */

const keys = [
  ["j", "next row"],
  ["k", "row before"],
  ["Enter", "open the row"],
  ["/", "search or filter"],
  ["?", "these keys"],
  ["Esc", "close"],
];

/** Rows that lead somewhere, as they are shown now. @returns {HTMLElement[]} */
function targets() {
  const rows = document.querySelectorAll("main tbody tr, main .rows > li");
  return [...rows].flatMap((row) => {
    const target = row.querySelector("a[href]");
    return target instanceof HTMLElement && target.getClientRects().length > 0 ? [target] : [];
  });
}

/** @param {1 | -1} by */
function walk(by) {
  const all = targets();
  if (all.length === 0) return;
  const row = document.activeElement?.closest("tr, li") ?? null;
  const at = all.findIndex((target) => row?.contains(target));
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
  const target = all[next];
  target?.focus();
  target?.closest("tr, li")?.scrollIntoView({ block: "nearest" });
}

function search() {
  const field = document.querySelector("main input[type=search], main [data-search]");
  if (!(field instanceof HTMLElement)) return false;
  field.focus();
  if (field instanceof HTMLInputElement) field.select();
  return true;
}

function showKeys() {
  const dialog = document.createElement("dialog");
  dialog.className = "ask keys";
  dialog.setAttribute("aria-labelledby", "keys_title");
  const title = document.createElement("h2");
  title.id = "keys_title";
  title.textContent = "Keys";
  const list = document.createElement("dl");
  for (const [key = "", what = ""] of keys) {
    const [term, meaning, cap] = ["dt", "dd", "kbd"].map((name) => document.createElement(name));
    if (cap === undefined || term === undefined || meaning === undefined) continue;
    cap.textContent = key;
    term.append(cap);
    meaning.textContent = what;
    list.append(term, meaning);
  }
  const close = document.createElement("button");
  close.textContent = "Close";
  close.onclick = () => dialog.close();
  dialog.append(title, list, close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]") !== null) return;
  const { target } = event;
  if (target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null) return;
  if (event.key === "j") walk(1);
  else if (event.key === "k") walk(-1);
  else if (event.key === "?") showKeys();
  else if (event.key !== "/" || !search()) return;
  event.preventDefault();
});

export {};
