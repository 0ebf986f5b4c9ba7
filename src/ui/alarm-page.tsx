/** @jsxImportSource hono/jsx */
/** The page of alarms: those that want somebody's eyes, and those that had them. */
import type { FC } from "hono/jsx";
import { type AlarmRow, alarmKinds, alarmStates, type Severity, severities } from "../model/alarm.ts";
import { alarmTable, kindWords } from "./alarm-rows.ts";
import { ChoiceFilter, FilterForm, TextFilter } from "./filter-form.tsx";
import type { Look } from "./look.ts";
import { emptyCard, olderLink, tabbedPage } from "./tabs.tsx";

export interface AlarmPage {
  readonly ship: string | null;
  readonly kind: string | null;
  readonly severity: Severity | null;
  readonly state: (typeof alarmStates)[number];
  readonly alarms: readonly AlarmRow[];
  readonly nextCursor: string | null;
  readonly isFirst: boolean;
}

export function alarmPage(page: AlarmPage, look: Look): string {
  const part = alarmPart(page, look);
  return tabbedPage({ section: "passes", tab: "/alarm", title: "Alarms", head: <Filter {...page} />, part }, look);
}

const stateWords = {
  active: "active",
  unacknowledged: "not acknowledged",
  all: "all",
} as const;

const Filter: FC<AlarmPage> = ({ ship, kind, severity, state }) => (
  <FilterForm action="/alarm">
    <TextFilter label="Ship" name="ship" value={ship} />
    <ChoiceFilter
      label="Kind"
      name="kind"
      value={kind}
      choices={alarmKinds.map((known) => [known, kindWords(known)])}
    />
    <ChoiceFilter
      label="Severity"
      name="severity"
      value={severity}
      choices={severities.map((known) => [known, known])}
    />
    <label>
      State
      <select name="state">
        {alarmStates.map((known) => (
          <option value={known} selected={known === state}>
            {stateWords[known]}
          </option>
        ))}
      </select>
    </label>
    <button type="submit">Filter</button>
  </FilterForm>
);

export function alarmPart({ alarms, nextCursor, isFirst, ...filter }: AlarmPage, look: Look): string {
  const { ship, kind, severity, state } = filter;
  if (alarms.length === 0) {
    if (!isFirst) return emptyCard("No older alarms", '<a href="/alarm">The newest ones</a>');
    return ship === null && kind === null && severity === null && state !== "all"
      ? emptyCard(
          "No active alarm",
          'Nothing wants your eyes. <a href="/alarm?state=all">Earlier alarms</a> are kept; limits in a packet definition raise new ones.',
        )
      : emptyCard("No alarm matches", 'Look at <a href="/alarm?state=all">all of them</a>.');
  }
  const query = new URLSearchParams({
    ...(ship !== null && { ship }),
    ...(kind !== null && { kind }),
    ...(severity !== null && { severity }),
    state,
    ...(nextCursor !== null && { cursor: nextCursor }),
  });
  return (
    alarmTable(alarms, "all", look) + olderLink("/alarm", nextCursor === null ? null : query.toString(), "Older alarms")
  );
}
