import { editableList, make, makeButton, makeLineAccessible, text } from "../red.js";
import { editSchema } from "../schema/schema-form.js";
import { propertyNames } from "../schema/schema-rows.js";
import { shownText } from "../shown-text.js";
import { type DeclaredFunction, functionProblems, schemaText } from "./declared-functions.js";

interface Line {
  entry?: DeclaredFunction;
  mark?(problem: string | undefined): void;
}

/** The functions that are declared in a form. */
export interface FunctionList {
  /** the property's value; the given one while nothing was changed */
  value(): unknown;
  names(): string[];
  /** marks unusable functions again, after other tools were picked */
  mark(): void;
}

/**
 * Makes the list of functions.
 *
 * @param element an `<ol>`
 * @param functions the property's value; anything but a list is shown as empty and kept until something is added
 * @param toolNames returns the names of the picked tools
 * @param changed called whenever the user has changed something
 */
export function createFunctionList(
  element: HTMLElement,
  functions: unknown,
  toolNames: () => string[],
  changed: () => void,
): FunctionList {
  let isFilled = false;
  const list = editableList<Line>(element, {
    addButton: text("functions.add"),
    addItem: (content, _index, line) => {
      line.entry ??= { name: "", description: "", parameters: "" };
      fillLine(content[0] as HTMLElement, line, report);
      makeLineAccessible(content, report);
      if (!isFilled) return;
      report();
      content.find("input").first().trigger("focus");
    },
    removeItem: () => report(),
    sortItems: () => report(),
  });
  const entries = () => list.data().map(({ entry }) => entry as DeclaredFunction);
  const mark = () => {
    const found = functionProblems(entries(), toolNames());
    for (const [index, line] of list.data().entries()) line.mark?.(found.find((p) => p.index === index)?.key);
  };
  function report(): void {
    mark();
    changed();
    RED.tray.resize();
  }

  const given: DeclaredFunction[] = Array.isArray(functions)
    ? functions.map((entry: unknown) =>
        typeof entry === "object" && entry !== null
          ? (entry as DeclaredFunction)
          : { name: shownText(entry), description: "", parameters: "" },
      )
    : [];
  for (const entry of given) list.add({ entry });
  isFilled = true;
  mark();
  return {
    value: () => {
      const now = entries();
      const isSame = now.length === given.length && now.every((entry, index) => entry === given[index]);
      return isSame ? functions : now;
    },
    names: () => entries().flatMap(({ name }) => (typeof name === "string" && name ? [name] : [])),
    mark,
  };
}

function fillLine(content: HTMLElement, line: Line, changed: () => void): void {
  const entry = line.entry as DeclaredFunction;
  const update = (fields: Partial<DeclaredFunction>) => {
    line.entry = { ...(line.entry as DeclaredFunction), ...fields };
    changed();
  };
  const field = (property: "name" | "description") => {
    const label = text(`functions.${property}`);
    const input = make("input", {
      type: "text",
      class: `huggingface-function-${property}`,
      placeholder: label,
      "aria-label": label,
      spellcheck: String(property === "description"),
      autocomplete: "off",
    });
    input.value = shownText(entry[property]);
    input.addEventListener("input", () => update({ [property]: input.value }));
    return input;
  };
  const name = field("name");
  const summary = make("span", { class: "huggingface-function-summary" });
  let problem: string | undefined;
  const showSummary = () => {
    const isBad = problem === "parameters";
    const names = propertyNames(schemaText(line.entry?.parameters) ?? "[]");
    const listed = names?.length ? names.join(", ") : text(names ? "functions.none" : "functions.schema");
    summary.textContent = isBad ? text("functions.parametersBad") : listed;
    summary.classList.toggle("huggingface-problem", isBad);
  };
  const button = makeButton(text("functions.parameters"), "fa-list", () => {
    const title = line.entry?.name || text("functions.parameters");
    const given = schemaText(line.entry?.parameters) ?? JSON.stringify(line.entry?.parameters);
    editSchema($("<i>").text(title).html(), given, (schema) => {
      if (schema !== given) update({ parameters: schema });
    });
  });
  button.classList.add("huggingface-function-parameters");
  line.mark = (found) => {
    problem = found;
    const isBad = found !== undefined && found !== "parameters";
    name.classList.toggle("input-error", isBad);
    name.setAttribute("aria-invalid", String(isBad));
    name.title = isBad ? text(`functions.${found}Bad`) : "";
    showSummary();
  };
  showSummary();
  content.classList.add("huggingface-row");
  const first = make("div", { class: "huggingface-row-first" }, name);
  const last = make("div", { class: "huggingface-row-first" }, button, summary);
  content.append(first, field("description"), last);
}
