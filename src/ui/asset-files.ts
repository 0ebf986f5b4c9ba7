/** Every file that a page loads, as text that is part of the program: the same from a checkout and from the single binary. */

import htmx from "htmx.org/dist/htmx.min.js" with { type: "text" };
import uplot from "uplot/dist/uPlot.esm.js" with { type: "text" };
import uplotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import * as act from "./islands/act.js" with { type: "text" };
import * as ask from "./islands/ask.js" with { type: "text" };
import * as backfill from "./islands/backfill.js" with { type: "text" };
import * as drawer from "./islands/drawer.js" with { type: "text" };
import * as fields from "./islands/fields.js" with { type: "text" };
import * as gantt from "./islands/gantt.js" with { type: "text" };
import * as graph from "./islands/graph.js" with { type: "text" };
import * as graphDrawing from "./islands/graph-drawing.js" with { type: "text" };
import * as graphSearch from "./islands/graph-search.js" with { type: "text" };
import * as graphView from "./islands/graph-view.js" with { type: "text" };
import * as home from "./islands/home.js" with { type: "text" };
import * as inspect from "./islands/inspect.js" with { type: "text" };
import * as inspectList from "./islands/inspect-list.js" with { type: "text" };
import * as job from "./islands/job.js" with { type: "text" };
import * as jobLog from "./islands/job-log.js" with { type: "text" };
import * as keys from "./islands/keys.js" with { type: "text" };
import * as layeredLayout from "./islands/layered-layout.js" with { type: "text" };
import * as layoutWorker from "./islands/layout-worker.js" with { type: "text" };
import * as live from "./islands/live.js" with { type: "text" };
import * as morph from "./islands/morph.js" with { type: "text" };
import * as part from "./islands/part.js" with { type: "text" };
import * as plan from "./islands/plan.js" with { type: "text" };
import * as planActions from "./islands/plan-actions.js" with { type: "text" };
import * as plots from "./islands/plots.js" with { type: "text" };
import * as probe from "./islands/probe.js" with { type: "text" };
import * as redrive from "./islands/redrive.js" with { type: "text" };
import * as relativeTime from "./islands/relative-time.js" with { type: "text" };
import * as template from "./islands/template.js" with { type: "text" };
import logo from "./logo.svg" with { type: "text" };
import actionStyle from "./styles/actions.css" with { type: "text" };
import base from "./styles/base.css" with { type: "text" };
import forms from "./styles/forms.css" with { type: "text" };
import ganttStyle from "./styles/gantt.css" with { type: "text" };
import graphStyle from "./styles/graph.css" with { type: "text" };
import inspectStyle from "./styles/inspect.css" with { type: "text" };
import jobStyle from "./styles/jobs.css" with { type: "text" };
import passStyle from "./styles/passes.css" with { type: "text" };
import planStyle from "./styles/plan.css" with { type: "text" };
import plotStyle from "./styles/plots.css" with { type: "text" };
import states from "./styles/states.css" with { type: "text" };
import tables from "./styles/tables.css" with { type: "text" };
import templateStyle from "./styles/templates.css" with { type: "text" };
import timeline from "./styles/timeline.css" with { type: "text" };
import tokens from "./styles/tokens.css" with { type: "text" };

export interface AssetFile {
  readonly name: string;
  readonly text: string;
  /** What other files import it by, when that is not `./name`. */
  readonly specifier?: string;
}

/** A script imported as text: TypeScript sees the script's own exports, the runtime gives its text. */
const textOf = (file: unknown): string => (file as { default: string }).default;

/** A file may name (as `./name`) only those above it: it is served with their hashed names. */
export const assetFiles: readonly AssetFile[] = [
  {
    name: "orrery.css",
    text: [
      ...[tokens, base, forms, states, tables, graphStyle, passStyle, timeline, uplotStyle, plotStyle],
      ...[planStyle, ganttStyle, actionStyle, jobStyle, templateStyle, inspectStyle],
    ].join("\n"),
  },
  { name: "logo.svg", text: logo },
  { name: "htmx.js", text: htmx },
  { name: "relative-time.js", text: textOf(relativeTime) },
  { name: "live.js", text: textOf(live) },
  { name: "keys.js", text: textOf(keys) },
  { name: "morph.js", text: textOf(morph) },
  { name: "part.js", text: textOf(part) },
  { name: "fields.js", text: textOf(fields) },
  { name: "ask.js", text: textOf(ask) },
  { name: "act.js", text: textOf(act) },
  { name: "job-log.js", text: textOf(jobLog) },
  { name: "job.js", text: textOf(job) },
  { name: "probe.js", text: textOf(probe) },
  { name: "redrive.js", text: textOf(redrive) },
  { name: "template.js", text: textOf(template) },
  { name: "backfill.js", text: textOf(backfill) },
  { name: "layered-layout.js", text: textOf(layeredLayout) },
  { name: "layout-worker.js", text: textOf(layoutWorker) },
  { name: "graph-drawing.js", text: textOf(graphDrawing) },
  { name: "graph-view.js", text: textOf(graphView) },
  { name: "graph-search.js", text: textOf(graphSearch) },
  { name: "graph.js", text: textOf(graph) },
  { name: "drawer.js", text: textOf(drawer) },
  { name: "gantt.js", text: textOf(gantt) },
  { name: "plan-actions.js", text: textOf(planActions) },
  { name: "plan.js", text: textOf(plan) },
  { name: "uplot.js", text: uplot, specifier: "uplot" },
  { name: "plots.js", text: textOf(plots) },
  { name: "inspect.js", text: textOf(inspect) },
  { name: "home.js", text: textOf(home) },
  { name: "inspect-list.js", text: textOf(inspectList) },
];
