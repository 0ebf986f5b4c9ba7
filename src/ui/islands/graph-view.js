// @ts-check
/** A view of a drawn graph: pan by dragging and arrows, zoom by wheel, buttons and keys, and a small map when there is more than fits. */
import { nodeHeightPx, svgElement } from "./graph-drawing.js";

const scaleMax = 2;
/** Names are still read at this scale: no graph begins smaller. */
const readableScale = 0.7;
const stepFactor = 1.3;
const panPx = 80;
/** A pointer that moves less still clicks. */
const clickPx = 4;
const heightMaxPx = 560;
const heightMinPx = 120;
const map = { width: 190, height: 110 };
/** Of more cards only those in and around the view are laid out. */
const wholeMax = 200;
/** From so far away names are specks: only the cards' colours are drawn. */
const farScale = 0.35;

/** @typedef {ReturnType<typeof import("./graph-drawing.js").drawGraph>} Drawn */

/** @param {HTMLElement} into @param {Drawn} drawn @param {string} label */
export function openGraphView(into, drawn, label) {
  const { world, width, height, cards } = drawn;
  const svg = svgElement("svg", { class: "view", role: "group", "aria-label": label }, world);
  /** How much of the world is drawn larger, and where its origin is in the view. */
  let [k, x, y] = [1, 0, 0];
  const size = { width: 1, height: 1 };
  const minimap = createMap();

  function fitScale() {
    return Math.min(1, size.width / width, size.height / height);
  }
  function apply() {
    k = Math.min(scaleMax, Math.max(Math.min(fitScale(), readableScale), k));
    x = held(x, size.width, width * k);
    y = held(y, size.height, height * k);
    world.setAttribute("transform", `translate(${x} ${y}) scale(${k})`);
    svg.classList.toggle("far", k < farScale);
    if (cards.size > wholeMax) cull();
    minimap.show();
  }
  /** Half a view more on each side, so that Tab and a drag find what comes next. */
  function cull() {
    const [spareX, spareY] = [size.width / 2, size.height / 2];
    for (const { x: at, y: atY, card } of cards.values()) {
      const [viewX, viewY] = [at * k + x, atY * k + y];
      const isNear = viewX > -spareX && viewX < size.width + spareX && viewY > -spareY && viewY < size.height + spareY;
      if (isNear !== card.hasAttribute("display")) continue;
      if (isNear) card.removeAttribute("display");
      else card.setAttribute("display", "none");
    }
  }
  /** Nobody loses the graph: what is smaller than the view is centred, what is larger covers it. @param {number} at @param {number} view @param {number} all */
  function held(at, view, all) {
    return all <= view ? (view - all) / 2 : Math.min(0, Math.max(view - all, at));
  }
  /** @param {number} factor @param {number} [atX] @param {number} [atY] what stays where it is */
  function zoom(factor, atX = size.width / 2, atY = size.height / 2) {
    const before = k;
    k = Math.min(scaleMax, Math.max(Math.min(fitScale(), readableScale), k * factor));
    x = atX - ((atX - x) * k) / before;
    y = atY - ((atY - y) * k) / before;
    apply();
  }
  /** @param {number} byX @param {number} byY */
  function pan(byX, byY) {
    x += byX;
    y += byY;
    apply();
  }
  function fit() {
    k = fitScale();
    apply();
  }
  /** @param {string} key a product or group */
  function centre(key) {
    const card = cards.get(key);
    if (card === undefined) return;
    k = Math.max(k, readableScale);
    x = size.width / 2 - card.x * k;
    y = size.height / 2 - card.y * k;
    apply();
  }
  function measure() {
    const { width: wide, paddingLeft, paddingRight } = getComputedStyle(into);
    size.width = Math.max(
      1,
      Number.parseFloat(wide) - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight),
    );
    const scale = Math.max(Math.min(1, size.width / width), readableScale);
    const limit = Math.min(heightMaxPx, window.innerHeight * 0.7);
    size.height = Math.min(limit, Math.max(heightMinPx / 2, height * scale));
    svg.setAttribute("height", String(size.height));
  }

  function createMap() {
    const scale = Math.min(map.width / width, map.height / height);
    const frame = svgElement("rect", { class: "frame" });
    /** @type {Map<string, SVGRectElement>} */
    const dots = new Map();
    for (const { key, x: at, y: atY, width: wide } of cards.values()) {
      dots.set(
        key,
        svgElement("rect", {
          x: (at - wide / 2) * scale,
          y: (atY - nodeHeightPx / 2) * scale,
          width: Math.max(1, wide * scale),
          height: Math.max(1, nodeHeightPx * scale),
        }),
      );
    }
    const small = svgElement(
      "svg",
      { class: "minimap", "aria-hidden": "true", width: width * scale, height: height * scale },
      ...dots.values(),
      frame,
    );
    /** @param {PointerEvent} event */
    const go = (event) => {
      const box = small.getBoundingClientRect();
      x = size.width / 2 - ((event.clientX - box.left) / scale) * k;
      y = size.height / 2 - ((event.clientY - box.top) / scale) * k;
      apply();
    };
    small.addEventListener("pointerdown", (event) => {
      small.setPointerCapture(event.pointerId);
      go(event);
    });
    small.addEventListener("pointermove", (event) => {
      if (small.hasPointerCapture(event.pointerId)) go(event);
    });
    return {
      element: small,
      show() {
        const isWhole = width * k <= size.width + 1 && height * k <= size.height + 1;
        small.classList.toggle("needed", !isWhole && cards.size > 20);
        const shown = { x: -x / k, y: -y / k, width: size.width / k, height: size.height / k };
        for (const [name, value] of Object.entries(shown)) frame.setAttribute(name, String(value * scale));
      },
      /** @param {string} key @param {string} state */
      colour: (key, state) => dots.get(key)?.setAttribute("class", state),
    };
  }

  let wasDragged = false;
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    wasDragged = false;
    const from = { x: event.clientX - x, y: event.clientY - y };
    const start = { x: event.clientX, y: event.clientY };
    const move = (/** @type {PointerEvent} */ next) => {
      if (next.pointerId !== event.pointerId) return;
      if (!wasDragged && Math.hypot(next.clientX - start.x, next.clientY - start.y) < clickPx) return;
      if (!wasDragged) svg.setPointerCapture(event.pointerId);
      wasDragged = true;
      svg.classList.add("dragged");
      x = next.clientX - from.x;
      y = next.clientY - from.y;
      apply();
    };
    const end = () => {
      svg.classList.remove("dragged");
      svg.removeEventListener("pointermove", move);
    };
    svg.addEventListener("pointermove", move);
    svg.addEventListener("pointerup", end, { once: true });
    svg.addEventListener("pointercancel", end, { once: true });
  });
  // A browser drags links by itself, and takes the end of a drag for a click.
  svg.addEventListener("dragstart", (event) => event.preventDefault());
  svg.addEventListener(
    "click",
    (event) => {
      if (!wasDragged) return;
      wasDragged = false;
      event.preventDefault();
      event.stopPropagation();
    },
    true,
  );
  // The page scrolls over a graph that nobody has clicked into; with Ctrl (or two fingers) the wheel always zooms.
  svg.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey && !into.matches(":focus-within, :focus")) return;
      event.preventDefault();
      const box = svg.getBoundingClientRect();
      zoom(
        Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0018)),
        event.clientX - box.left,
        event.clientY - box.top,
      );
    },
    { passive: false },
  );
  // A card that is reached by Tab is brought into view.
  svg.addEventListener("focusin", (event) => {
    const card = event.target instanceof Element ? event.target.closest(".node") : null;
    if (!card?.matches(":focus-visible")) return;
    const [box, view] = [card.getBoundingClientRect(), svg.getBoundingClientRect()];
    if (box.left < view.left || box.right > view.right || box.top < view.top || box.bottom > view.bottom) {
      centre(card.getAttribute("data-group") ?? card.getAttribute("data-product") ?? "");
    }
  });
  const observer = new ResizeObserver(() => {
    measure();
    apply();
  });

  // Before it is part of the page: only what is near the view is ever laid out.
  measure();
  k = Math.max(fitScale(), readableScale);
  apply();
  into.append(svg, minimap.element);
  observer.observe(into);
  const keys = /** @type {Record<string, () => void>} */ ({
    "+": () => zoom(stepFactor),
    "=": () => zoom(stepFactor),
    "-": () => zoom(1 / stepFactor),
    0: fit,
    ArrowLeft: () => pan(panPx, 0),
    ArrowRight: () => pan(-panPx, 0),
    ArrowUp: () => pan(0, panPx),
    ArrowDown: () => pan(0, -panPx),
  });
  return {
    svg,
    centre,
    fit,
    zoomIn: () => zoom(stepFactor),
    zoomOut: () => zoom(1 / stepFactor),
    colour: minimap.colour,
    /** True: it was one of ours. @param {string} key */
    press(key) {
      keys[key]?.();
      return key in keys;
    },
    /** Where it looks, to go on after a new layout. */
    place: () => ({ k, x, y }),
    /** @param {{ k: number, x: number, y: number }} at */
    look(at) {
      ({ k, x, y } = at);
      apply();
    },
    remove() {
      observer.disconnect();
      svg.remove();
      minimap.element.remove();
    },
  };
}
