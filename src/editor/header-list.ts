import { editableList, make, makeLineAccessible } from "./red.js";
import { headerProblem } from "./validators.js";

interface Line {
  name?: string;
  value?: string;
}

/** The list of request headers in a form. */
export interface HeaderList {
  /** the headers in the fields now; a line without a name does not count */
  headers(): Record<string, string>;
  /** the property's value: what was given, as long as nothing was changed */
  value(): unknown;
}

/** The headers of a property that holds an object, or the text of one. */
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
 * Makes the list of headers, two fields a line. A name that cannot be sent is marked as it is written.
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
  const fields = new Map<Line, [name: HTMLInputElement, value: HTMLInputElement]>();
  const list = editableList<Line>(element, {
    sortable: false,
    addItem: (content, _index, line) => {
      const field = (property: "name" | "value") => {
        const label = names[property];
        const input = make("input", { type: "text", class: `huggingface-header-${property}`, spellcheck: "false" });
        input.placeholder = label;
        input.setAttribute("aria-label", label);
        input.value = line[property] ?? "";
        return input;
      };
      const name = field("name");
      const value = field("value");
      const mark = () => {
        const problem = name.value.trim() === "" ? undefined : headerProblem(name.value.trim());
        name.classList.toggle("input-error", problem !== undefined);
        name.setAttribute("aria-invalid", String(problem !== undefined));
        name.title = problem ?? "";
      };
      name.addEventListener("input", mark);
      mark();
      fields.set(line, [name, value]);
      content.append(make("div", { class: "huggingface-pair" }, name, value));
      makeLineAccessible(content, () => {});
    },
  });
  for (const [name, value] of Object.entries(readHeaders(given))) list.add({ name, value: String(value) });
  const headers = () => {
    const pairs = list.data().map((line) => {
      const [name, value] = fields.get(line) ?? [];
      return [name?.value.trim() ?? "", value?.value ?? ""] as const;
    });
    return Object.fromEntries(pairs.filter(([name]) => name !== ""));
  };
  const shown = JSON.stringify(headers());
  return { headers, value: () => (JSON.stringify(headers()) === shown ? given : headers()) };
}
