/** What clients sent and what they were told: the account that a store is held against after its nodes were killed. */

import type { Instant } from "../../src/model/clock.ts";
import type { ClientCommand } from "../../src/model/command.ts";
import type { DatasetId } from "../../src/model/ids.ts";

export interface Sent {
  /** Each client is a service of its own, so that events tell whose they are. It sends one request at a time. */
  readonly service: string;
  readonly datasetId: DatasetId;
  readonly command: ClientCommand;
  readonly key: string | null;
  /** Null: nobody knows what became of it. Then it had no key, and the client's next one on this dataset has. */
  readonly acknowledged: Acknowledgement | null;
}

export interface Acknowledgement {
  /** The stamp on what it changed. */
  readonly at: Instant;
  /** Null for an answer given again under its key. */
  readonly revision: number | null;
  readonly text: string;
}

/** The part of the contract's Plan that is looked at. */
export interface PlanBody {
  readonly dataset: { readonly extra: unknown; readonly modified_by: string; readonly modified_date: Instant };
  readonly data_products: readonly ProductBody[];
}

export interface ProductBody {
  readonly id: string;
  readonly state: string;
  readonly run_id: string | null;
  readonly link: string | null;
  readonly modified_by: string;
  readonly modified_date: Instant;
}
