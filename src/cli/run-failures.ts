/** Why a run failed: the last error of its failed products, and what to ask next. */
import type { Client } from "./client.ts";
import { nameOf } from "./product-of.ts";
import type { Explained, Plan } from "./shapes.ts";
import { clean, excerpt, painted } from "./words.ts";

const toldMax = 3;

/** Lines for below a run; nothing when no product of the plan has failed. */
export async function failuresText(client: Client, { dataset, data_products: products }: Plan): Promise<string> {
  const failed = products.filter(({ state }) => state === "failed");
  const [first] = failed;
  if (first === undefined) return "";
  const told = await Promise.all(
    failed.slice(0, toldMax).map(async (product) => {
      const { last_error, summary } = await client.get<Explained>(`/data_product/${dataset.id}/${product.id}/explain`);
      return `${painted(clean(nameOf(product)), "red")}  ${excerpt(last_error ?? summary, 400)}\n`;
    }),
  );
  const more = failed.length > toldMax ? `… and ${failed.length - toldMax} more that failed\n` : "";
  return `${told.join("")}${more}See: orrery explain ${dataset.id} ${argument(first.name)} · again: orrery retry-failed ${dataset.id}\n`;
}

/** As one word of a shell. */
const argument = (name: string): string => (/^[\w.:/@-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);
