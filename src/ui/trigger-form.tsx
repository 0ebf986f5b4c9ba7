/** @jsxImportSource hono/jsx */
/** A form made of a template's declared parameters: in a dialog, sent by the island `template.js`. */
import type { FC } from "hono/jsx";
import type { Param, Template } from "../templates/templates.ts";

export const triggerDialogId = "trigger_dialog";

export const TriggerDialog: FC<{ template: Template }> = ({ template }) => (
  <dialog class="ask wide" id={triggerDialogId} aria-labelledby="trigger_title">
    <h2 id="trigger_title">Trigger {template.id}?</h2>
    <p>
      It makes a run of version {template.version}: a plan of {template.tasks.length} data products, which begin at
      once.
    </p>
    <form id="trigger_form" data-template={template.id}>
      <div class="fields">
        {[...template.params].map(([name, param], i) => (
          <Field id={`param_${i}`} name={name} param={param} />
        ))}
      </div>
      <div class="ask-said" aria-live="polite" />
      <div class="ask-buttons">
        <button type="button" data-close>
          Cancel
        </button>
        <button type="submit" class="primary">
          Trigger
        </button>
      </div>
    </form>
  </dialog>
);

interface FieldProps {
  readonly id: string;
  readonly name: string;
  readonly param: Param;
}

const Field: FC<FieldProps> = ({ id, name, param }) => (
  <label for={id} class={param.type === "json" ? "wide" : undefined}>
    <span>
      {name} <small>{hint(param)}</small>
    </span>
    <Control id={id} name={name} param={param} />
    {param.description === null ? null : <small>{param.description}</small>}
  </label>
);

function hint({ type, required, default: given }: Param): string {
  const of = type === "json" ? "any JSON" : type === "datetime" ? "date and time with its offset" : type;
  return [of, required ? "required" : given === null ? "optional" : ""].filter(Boolean).join(", ");
}

/** `data-type` tells the island how its text becomes JSON. */
const Control: FC<FieldProps> = ({ id, name, param }) => {
  const { type, values, required, default: given } = param;
  const common = { id, name, required, "data-type": type };
  const shown = given === null ? "" : plain(given);
  switch (type) {
    case "enum":
    case "boolean":
      return (
        <select {...common}>
          {required ? null : <option value="">{given === null ? "none" : `default: ${shown}`}</option>}
          {(type === "enum" ? values : ["true", "false"]).map((value) => (
            <option value={value}>{value}</option>
          ))}
        </select>
      );
    case "json":
      return <textarea {...common} placeholder={given ?? "null"} spellcheck={false} />;
    case "date":
      return <input {...common} type="date" value={shown} />;
    case "datetime":
      return <input {...common} type="text" placeholder={shown || "2026-01-31T10:20:30Z"} spellcheck={false} />;
    case "integer":
      return <input {...common} type="text" inputmode="numeric" pattern="-?[0-9]+" placeholder={shown} />;
    case "number":
      return <input {...common} type="text" inputmode="decimal" placeholder={shown} />;
    case "string":
      return <input {...common} type="text" placeholder={shown} autocomplete="off" />;
    default:
      return type satisfies never;
  }
};

/** A JSON text as what is written in a field. */
function plain(json: string): string {
  const value: unknown = JSON.parse(json);
  return typeof value === "string" ? value : json;
}
