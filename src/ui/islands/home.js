// @ts-check
/**
 * The home page. Rows that the reader has asked for, by typing or by scrolling on, are his own: he is told of them, and what is live
 * leaves them as they are.
 */
const results = document.getElementById("search_results");
document.addEventListener("htmx:before:request", () => {
  results?.setAttribute("data-own", "");
  results?.setAttribute("aria-live", "polite");
});

export {};
