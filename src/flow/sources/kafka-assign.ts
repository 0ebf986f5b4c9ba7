/**
 * Which member of a consumer group reads which partition, chosen by the member that leads it. Cooperative: a partition that moves is left to nobody in
 * the round in which its reader learns that it is to give it up; once it has, it joins again, and the partition goes to its next reader.
 */

export interface Member {
  readonly id: string;
  readonly topics: readonly string[];
  /** Names of the partitions that it reads as it joins. */
  readonly owned: readonly string[];
}

/** `topics`: names of the partitions of each topic that is there. Returns for each member what it is to read from now on. */
export function assignPartitions(
  members: readonly Member[],
  topics: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly string[]> {
  const readers = [...members].sort((a, b) => (a.id < b.id ? -1 : 1)).map(readerOf);
  const claims = claimsOf(readers, topics);
  for (const [name, claim] of claims) if (claim.owners.length === 1) give(name, claim.owners[0]);
  for (const [name, claim] of claims) {
    // Two that say so cannot both be right: both give it up first.
    if (claim.owners.length === 0) give(name, leastOf(claim.eligible));
  }
  while (levelOnce(readers, claims));
  for (const reader of readers)
    for (const name of reader.gained) if (claims.get(name)?.owners.length) reader.names.delete(name);
  return new Map(readers.map(({ id, names }) => [id, [...names]]));
}

interface AssignedReader extends Member {
  /** What it is to read in the end. */
  readonly names: Set<string>;
  /** Of these, what it does not read yet. */
  readonly gained: Set<string>;
}

interface Claim {
  readonly owners: readonly AssignedReader[];
  readonly eligible: readonly AssignedReader[];
}

const readerOf = (member: Member): AssignedReader => ({ ...member, names: new Set(), gained: new Set() });

function claimsOf(readers: readonly AssignedReader[], topics: ReadonlyMap<string, readonly string[]>) {
  const owners = new Map<string, AssignedReader[]>();
  for (const reader of readers)
    for (const name of reader.owned) owners.set(name, [...(owners.get(name) ?? []), reader]);
  const claims = new Map<string, Claim>();
  for (const [topic, names] of topics) {
    const eligible = readers.filter((reader) => reader.topics.includes(topic));
    for (const name of names) claims.set(name, { owners: owners.get(name) ?? [], eligible });
  }
  return claims;
}

function give(name: string, reader: AssignedReader | undefined): void {
  if (reader === undefined) return;
  reader.names.add(name);
  if (!reader.owned.includes(name)) reader.gained.add(name);
}

function leastOf(readers: readonly AssignedReader[]): AssignedReader | undefined {
  return readers.reduce<AssignedReader | undefined>(
    (least, reader) => (least === undefined || reader.names.size < least.names.size ? reader : least),
    undefined,
  );
}

/** Moves one partition to who has at least two fewer; false when nobody has. */
function levelOnce(readers: readonly AssignedReader[], claims: ReadonlyMap<string, Claim>): boolean {
  for (const from of [...readers].sort((a, b) => b.names.size - a.names.size)) {
    for (const name of from.names) {
      const to = leastOf(claims.get(name)?.eligible ?? []);
      if (to === undefined || from.names.size - to.names.size < 2) continue;
      from.names.delete(name);
      from.gained.delete(name);
      give(name, to);
      return true;
    }
  }
  return false;
}
