/** Which data product of a plan is meant: by its id, or by its name or `name:version` as a plan's tree shows them. */
import { parseUuid } from "../model/ids.ts";
import type { Client } from "./client.ts";
import { CommandError, exitCodes } from "./exit.ts";
import type { Plan, Product } from "./shapes.ts";
import { clean } from "./words.ts";

/** Names that an error lists. */
const listedMax = 20;

/** Its id. A name is looked up in the plan; one that none has, or several have, is an error that lists what there is. */
export async function productIdOf(client: Client, dataset: string, product: string): Promise<string> {
  const id = parseUuid(product);
  if (id !== null) return id;
  const { data_products: all } = await client.get<Plan>(`/plan/${encodeURIComponent(dataset)}`);
  const meant = all.filter((one) => one.name === product || nameOf(one) === product);
  const [first] = meant;
  if (first === undefined)
    throw new CommandError(
      `The plan has no product "${product}": it has ${listed(all.map(nameOf))}`,
      exitCodes.notFound,
    );
  if (meant.length > 1)
    throw new CommandError(
      `"${product}" may be several products: say name:version or the id of one of ${listed(meant.map((one) => `${nameOf(one)} (${one.id})`))}`,
    );
  return first.id;
}

export const nameOf = ({ name, version }: Product): string => `${name}:${version}`;

function listed(names: readonly string[]): string {
  if (names.length === 0) return "none";
  const shown = names.slice(0, listedMax).map(clean).join(", ");
  return names.length > listedMax ? `${shown}, and ${names.length - listedMax} more` : shown;
}
