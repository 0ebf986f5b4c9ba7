/** Every file that a page loads, as text that is part of the program: the same from a checkout and from the single binary. */

import htmx from "htmx.org/dist/htmx.min.js" with { type: "text" };
import * as drawer from "./islands/drawer.js" with { type: "text" };
import * as gantt from "./islands/gantt.js" with { type: "text" };
import * as graph from "./islands/graph.js" with { type: "text" };
import * as graphDrawing from "./islands/graph-drawing.js" with { type: "text" };
import * as graphSearch from "./islands/graph-search.js" with { type: "text" };
import * as graphView from "./islands/graph-view.js" with { type: "text" };
import * as jobLog from "./islands/job-log.js" with { type: "text" };
import * as layeredLayout from "./islands/layered-layout.js" with { type: "text" };
import * as layoutWorker from "./islands/layout-worker.js" with { type: "text" };
import * as live from "./islands/live.js" with { type: "text" };
import * as pass from "./islands/pass.js" with { type: "text" };
import * as plan from "./islands/plan.js" with { type: "text" };
import * as planActions from "./islands/plan-actions.js" with { type: "text" };
import * as relativeTime from "./islands/relative-time.js" with { type: "text" };
import logo from "./logo.svg" with { type: "text" };
import base from "./styles/base.css" with { type: "text" };
import forms from "./styles/forms.css" with { type: "text" };
import ganttStyle from "./styles/gantt.css" with { type: "text" };
import graphStyle from "./styles/graph.css" with { type: "text" };
import passStyle from "./styles/passes.css" with { type: "text" };
import planStyle from "./styles/plan.css" with { type: "text" };
import states from "./styles/states.css" with { type: "text" };
import tables from "./styles/tables.css" with { type: "text" };
import tokens from "./styles/tokens.css" with { type: "text" };

export interface AssetFile {
  readonly name: string;
  readonly text: string;
}

/** A script imported as text: TypeScript sees the script's own exports, the runtime gives its text. */
const textOf = (file: unknown): string => (file as { default: string }).default;

/** A file may name (as `./name`) only those above it: it is served with their hashed names. */
export const assetFiles: readonly AssetFile[] = [
  {
    name: "orrery.css",
    text: [tokens, base, forms, states, tables, graphStyle, passStyle, planStyle, ganttStyle].join("\n"),
  },
  { name: "logo.svg", text: logo },
  { name: "htmx.js", text: htmx },
  { name: "relative-time.js", text: textOf(relativeTime) },
  { name: "live.js", text: textOf(live) },
  { name: "layered-layout.js", text: textOf(layeredLayout) },
  { name: "layout-worker.js", text: textOf(layoutWorker) },
  { name: "graph-drawing.js", text: textOf(graphDrawing) },
  { name: "graph-view.js", text: textOf(graphView) },
  { name: "graph-search.js", text: textOf(graphSearch) },
  { name: "graph.js", text: textOf(graph) },
  { name: "job-log.js", text: textOf(jobLog) },
  { name: "drawer.js", text: textOf(drawer) },
  { name: "gantt.js", text: textOf(gantt) },
  { name: "plan-actions.js", text: textOf(planActions) },
  { name: "plan.js", text: textOf(plan) },
  { name: "pass.js", text: textOf(pass) },
];
