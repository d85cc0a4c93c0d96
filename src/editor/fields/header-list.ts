import type { SecretHeaders, SecretValue } from "../../shared/admin-api.js";
import { isSecretHeader } from "../../shared/limits.js";
import { editableList, make, makeLineAccessible, text } from "../red.js";
import { shownText } from "../shown-text.js";
import { headerProblem, isVariable } from "../validators.js";

interface Line {
  name?: string;
  value?: string;
  isSecret?: boolean;
  /** the header whose stored value this is */
  stored?: string | undefined;
}

/** A line of the list. */
interface Fields {
  name: HTMLInputElement;
  value: HTMLInputElement;
  lock: HTMLButtonElement;
  hint: HTMLElement;
}

/** The list of request headers in a form. */
export interface HeaderList {
  /** the headers in the fields now that are not secret; a line without a name does not count */
  headers(): Record<string, string>;
  /** the property's value; the given one while nothing was changed */
  value(): unknown;
  /** the secret headers, `undefined` until they are known */
  secretHeaders(): SecretHeaders | undefined;
  /** adds the secret headers, once they are known */
  addSecret(headers: SecretHeaders): void;
  /** the secret headers, if they were changed */
  changedSecretHeaders(): SecretHeaders | undefined;
}

/** The editor shows this instead of a stored password, which it does not know. */
const UNKNOWN = "__PWRD__";

/** Reads the headers of a property that holds an object, or the text of one. */
function readHeaders(given: unknown): Record<string, unknown> {
  let value = given;
  if (typeof value === "string") {
    try {
      value = JSON.parse(value);
    } catch {
      return {};
    }
  }
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/**
 * Makes the list of headers: two fields a line, and a button that makes the value secret. A name that cannot be sent is
 * marked as it is written.
 *
 * @param element an `<ol>`
 * @param given the property's value
 * @param names what the two fields are called
 */
export function createHeaderList(
  element: HTMLElement,
  given: unknown,
  names: { name: string; value: string },
): HeaderList {
  const lines = new Map<Line, Fields>();
  let isKnown = false;
  let shownSecret = "{}";
  const show = () => {
    const seen = new Set<string>();
    for (const line of list.data()) {
      const fields = lines.get(line);
      if (!fields) continue;
      // Header names are case-insensitive.
      const name = fields.name.value.trim().toLowerCase();
      showLine(line, fields, seen.has(name));
      if (name !== "") seen.add(name);
    }
  };
  const list = editableList<Line>(element, {
    sortable: false,
    removeItem: show,
    addItem: (content, _index, line) => {
      const fields = makeFields(line, names);
      lines.set(line, fields);
      fields.lock.disabled = !isKnown;
      fields.lock.addEventListener("click", () => {
        line.isSecret = !line.isSecret;
        // The editor does not know a stored value, so it cannot become a plain one.
        if (isStored(line, fields)) fields.value.value = "";
        line.stored = undefined;
        show();
      });
      fields.name.addEventListener("input", show);
      fields.value.addEventListener("input", show);
      showLine(line, fields, false);
      content.append(make("div", { class: "huggingface-pair" }, fields.name, fields.value, fields.lock), fields.hint);
      makeLineAccessible(content, () => {});
    },
  });
  for (const [name, value] of Object.entries(readHeaders(given))) list.add({ name, value: shownText(value) });
  show();
  const entries = (isSecret: boolean): [string, SecretValue][] =>
    list.data().flatMap((line) => {
      const fields = lines.get(line);
      const name = fields?.name.value.trim() ?? "";
      if (!fields || name === "" || Boolean(line.isSecret) !== isSecret) return [];
      return [[name, isStored(line, fields) ? { stored: line.stored as string } : fields.value.value]];
    });
  const headers = () => Object.fromEntries(entries(false)) as Record<string, string>;
  const secretHeaders = () => (isKnown ? Object.fromEntries(entries(true)) : undefined);
  const shown = JSON.stringify(headers());
  return {
    headers,
    value: () => (JSON.stringify(headers()) === shown ? given : headers()),
    secretHeaders,
    addSecret: (found) => {
      isKnown = true;
      for (const { lock } of lines.values()) lock.disabled = false;
      for (const [name, value] of Object.entries(found)) list.add(secretLine(name, value));
      show();
      shownSecret = JSON.stringify(secretHeaders());
    },
    changedSecretHeaders: () => (JSON.stringify(secretHeaders()) === shownSecret ? undefined : secretHeaders()),
  };
}

function secretLine(name: string, value: SecretValue): Line {
  return typeof value === "object"
    ? { name, value: UNKNOWN, isSecret: true, stored: value.stored }
    : { name, value: shownText(value), isSecret: true };
}

const isStored = ({ stored }: Line, { value }: Fields) => stored !== undefined && value.value === UNKNOWN;

function makeFields(line: Line, names: { name: string; value: string }): Fields {
  const field = (property: "name" | "value") => {
    const label = names[property];
    const input = make("input", { type: "text", class: `huggingface-header-${property}`, spellcheck: "false" });
    input.placeholder = label;
    input.setAttribute("aria-label", label);
    input.value = line[property] ?? "";
    return input;
  };
  const lock = make(
    "button",
    {
      type: "button",
      class: "red-ui-button huggingface-header-secret",
      title: text("secret.mark"),
    },
    make("i"),
  );
  lock.setAttribute("aria-label", text("secret.mark"));
  const value = field("value");
  // Otherwise browsers offer to fill in or save the login of Node-RED.
  value.autocomplete = "new-password";
  return { name: field("name"), value, lock, hint: make("div", { class: "huggingface-hint" }) };
}

function showLine({ isSecret = false }: Line, { name, value, lock, hint }: Fields, isTwice: boolean): void {
  const header = name.value.trim();
  const problem = header === "" ? undefined : (headerProblem(header) ?? (isTwice ? text("rows.twice") : undefined));
  name.classList.toggle("input-error", problem !== undefined);
  name.setAttribute("aria-invalid", String(problem !== undefined));
  name.title = problem ?? "";
  value.type = isSecret ? "password" : "text";
  lock.setAttribute("aria-pressed", String(isSecret));
  lock.querySelector("i")?.setAttribute("class", `fa ${isSecret ? "fa-lock" : "fa-unlock-alt"}`);
  lock.classList.toggle("selected", isSecret);
  const isPlain = value.value.trim() !== "" && !isVariable(value.value);
  hint.textContent = !isSecret && isPlain && isSecretHeader(header) ? text("secret.plain") : "";
}
