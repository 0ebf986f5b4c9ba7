/**
 * Counters and histograms of what happens ten thousand times a second. prom-client hashes the labels of each single count (measured:
 * 1 µs, and a queue's job has five); here a child is found once and then only adds numbers, which a scrape reads.
 */
import { Counter, type Histogram, type Registry } from "prom-client";

interface Described<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly Label[];
  readonly registers: Registry[];
}

/** The children of a metric, by the values of its labels. */
class Children<Child> {
  readonly #names: readonly string[];
  readonly #create: () => Child;
  readonly #all = new Map<string, { readonly labels: Record<string, string>; readonly child: Child }>();

  constructor(names: readonly string[], create: () => Child) {
    this.#names = names;
    this.#create = create;
  }

  of(values: readonly string[]): Child {
    const key = values.length === 1 ? (values[0] ?? "") : values.join("\u0000");
    let one = this.#all.get(key);
    if (one === undefined) {
      one = {
        labels: Object.fromEntries(this.#names.map((name, i) => [name, values[i] ?? ""])),
        child: this.#create(),
      };
      this.#all.set(key, one);
    }
    return one.child;
  }

  all() {
    return this.#all.values();
  }
}

export class Count {
  value = 0;

  inc(by = 1): void {
    this.value += by;
  }
}

/** A counter whose children are counted in place. Without labels it shows 0 from the start. */
export class CountTally<Label extends string> {
  readonly #children: Children<Count>;

  constructor(described: Described<Label>) {
    const children = new Children(described.labelNames, () => new Count());
    if (described.labelNames.length === 0) children.of([]);
    this.#children = children;
    new Counter({
      ...described,
      collect() {
        this.reset();
        for (const { labels, child } of children.all()) this.inc(labels as Record<Label, string>, child.value);
      },
    });
  }

  labels(...values: string[]): Count {
    return this.#children.of(values);
  }

  inc(by = 1): void {
    this.#children.of([]).inc(by);
  }
}

export class Spread {
  readonly bounds: readonly number[];
  /** By bucket, not cumulated; the last one is of what lies above all bounds. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let i = 0;
    while (i < bounds.length && value > (bounds[i] as number)) i++;
    counts[i] = (counts[i] as number) + 1;
    this.sum += value;
  }
}

/** A histogram whose children are counted in place. */
export class SpreadTally<Label extends string> {
  readonly #children: Children<Spread>;

  constructor({
    name,
    help,
    labelNames,
    registers,
    buckets,
  }: Described<Label> & { readonly buckets: readonly number[] }) {
    const children = new Children(labelNames, () => new Spread(buckets));
    if (labelNames.length === 0) children.of([]);
    this.#children = children;
    const get = async () => ({
      name,
      help,
      type: "histogram",
      aggregator: "sum",
      values: [...children.all()].flatMap(({ labels, child }) => valuesOf(name, labels, child)),
    });
    // All that a registry asks of a metric.
    for (const registry of registers) registry.registerMetric({ name, labelNames, get } as unknown as Histogram);
  }

  labels(...values: string[]): Spread {
    return this.#children.of(values);
  }

  observe(value: number): void {
    this.#children.of([]).observe(value);
  }
}

function valuesOf(name: string, labels: Record<string, string>, { bounds, counts, sum }: Spread) {
  let below = 0;
  const buckets = counts.map((count, i) => {
    below += count;
    return { metricName: `${name}_bucket`, labels: { le: bounds[i] ?? "+Inf", ...labels }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: below },
  ];
}
