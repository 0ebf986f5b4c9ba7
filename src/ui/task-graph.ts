/** The tasks of a template as a drawn graph: columns by how many come before, curves from each to what waits for it. Pure; SVG as text. */
import type { TemplateTask } from "../templates/templates.ts";
import { escapeHtml } from "./markup.ts";

/** More than this many cards is no picture any more; the table has them all. */
export const graphedTasksMax = 150;

const card = { width: 168, height: 40, gapX: 56, gapY: 14, margin: 6 } as const;
const nameMax = 19;

type GraphedTask = Pick<TemplateTask, "id" | "name" | "kind" | "dependsOn">;

/** For each task its column (how long the longest way to it is) and its row there, near those that it waits for. */
export function placeTasks(tasks: readonly GraphedTask[]): Map<string, { column: number; row: number }> {
  const columns = new Map<string, number>();
  const open = new Map(tasks.map(({ id, dependsOn }) => [id, dependsOn.length]));
  const children = new Map<string, string[]>();
  for (const { id, dependsOn } of tasks)
    for (const parent of dependsOn) children.set(parent, [...(children.get(parent) ?? []), id]);
  const ready = tasks.filter(({ dependsOn }) => dependsOn.length === 0).map(({ id }) => id);
  for (const id of ready) columns.set(id, 0);
  for (let next = 0; next < ready.length; next++) {
    const id = ready[next] ?? "";
    for (const child of children.get(id) ?? []) {
      columns.set(child, Math.max(columns.get(child) ?? 0, (columns.get(id) ?? 0) + 1));
      const left = (open.get(child) ?? 1) - 1;
      open.set(child, left);
      if (left === 0) ready.push(child);
    }
  }
  const placed = new Map<string, { column: number; row: number }>();
  const last = Math.max(0, ...columns.values());
  for (let column = 0; column <= last; column++) {
    const own = tasks.filter(({ id }) => columns.get(id) === column);
    const middle = ({ dependsOn }: GraphedTask): number =>
      dependsOn.reduce((sum, parent) => sum + (placed.get(parent)?.row ?? 0), 0) / Math.max(1, dependsOn.length);
    own.sort((a, b) => middle(a) - middle(b));
    for (const [row, { id }] of own.entries()) placed.set(id, { column, row });
  }
  return placed;
}

export function taskGraph(tasks: readonly GraphedTask[]): string {
  const placed = placeTasks(tasks);
  const rows = new Map<number, number>();
  for (const { column } of placed.values()) rows.set(column, (rows.get(column) ?? 0) + 1);
  const rowsMax = Math.max(1, ...rows.values());
  const height = rowsMax * (card.height + card.gapY) - card.gapY + 2 * card.margin;
  const width = Math.max(1, rows.size) * (card.width + card.gapX) - card.gapX + 2 * card.margin;
  /** Each column stands in the middle. */
  const corner = (id: string): readonly [number, number] => {
    const { column, row } = placed.get(id) ?? { column: 0, row: 0 };
    const own = (rows.get(column) ?? 1) * (card.height + card.gapY) - card.gapY;
    return [card.margin + column * (card.width + card.gapX), (height - own) / 2 + row * (card.height + card.gapY)];
  };
  let edges = "";
  let cards = "";
  for (const { id, name, kind, dependsOn } of tasks) {
    const [x, y] = corner(id);
    for (const parent of dependsOn) {
      const [px, py] = corner(parent);
      const [fromX, fromY, toY] = [px + card.width, py + card.height / 2, y + card.height / 2];
      const bend = Math.max(24, (x - fromX) / 2);
      edges += `<path class="edge" d="M${fromX} ${fromY}C${fromX + bend} ${fromY} ${x - bend} ${toY} ${x - 5} ${toY}"/><path class="edge-head" d="M${x} ${toY}l-7 -3.6v7.2Z"/>`;
    }
    const shown = name.length > nameMax ? `${name.slice(0, nameMax - 1)}…` : name;
    cards +=
      `<g class="task"><title>${escapeHtml(name)}: ${kind}</title><rect x="${x}" y="${y}" width="${card.width}" height="${card.height}" rx="7"/>` +
      `<text x="${x + 12}" y="${y + 17}">${escapeHtml(shown)}</text><text class="kind" x="${x + 12}" y="${y + 31}">${kind}</text></g>`;
  }
  return `<svg class="task-graph" role="img" aria-label="Graph of ${tasks.length} tasks" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${edges}${cards}</svg>`;
}
