/** @jsxImportSource hono/jsx */
/** The filter above a list: fields whose values go into the address, so that it works without a script and can be kept. */
import type { Child, FC } from "hono/jsx";

export const FilterForm: FC<{ readonly action: string; readonly children?: Child }> = ({ action, children }) => (
  <search>
    <form class="filters" method="get" action={action}>
      {children}
    </form>
  </search>
);

interface Field {
  readonly label: string;
  readonly name: string;
  /** Null: it does not filter. */
  readonly value: string | null;
}

export const TextFilter: FC<Field> = ({ label, name, value }) => (
  <label>
    {label}
    <input type="search" name={name} value={value ?? ""} autocomplete="off" spellcheck={false} />
  </label>
);

/** `choices`: each value and how it is called. */
export const ChoiceFilter: FC<Field & { readonly choices: readonly (readonly [string, string])[] }> = ({
  label,
  name,
  value,
  choices,
}) => (
  <label>
    {label}
    <select name={name}>
      <option value="">any</option>
      {choices.map(([known, words]) => (
        <option value={known} selected={known === value}>
          {words}
        </option>
      ))}
    </select>
  </label>
);
