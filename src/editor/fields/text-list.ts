import { editableList, make, makeLineAccessible } from "../red.js";
import { shownText } from "../shown-text.js";

interface Line {
  entry?: string;
}

/** A list of texts in a form. */
export interface TextList {
  /** the values of the fields, without blank ones and lines that are fading out */
  entries(): string[];
  /** the property's value; the given one while nothing was changed */
  value(): unknown;
}

/**
 * Makes a list whose lines hold one text each.
 *
 * @param element an `<ol>`
 * @param given the property's value: a list, or one text for a list of one
 * @param names the placeholder and the name of a field
 * @param show how a text is written in its field; `read` is the way back, "" for none
 */
export function createTextList(
  element: HTMLElement,
  given: unknown,
  names: { placeholder: string; label: string; class: string },
  { show, read }: { show(text: string): string; read(written: string): string },
): TextList {
  const fields = new Map<Line, HTMLInputElement>();
  const list = editableList<Line>(element, {
    addItem: (content, _index, line) => {
      const { label, placeholder } = names;
      const field = make("input", { type: "text", class: names.class, style: "width:100%", spellcheck: "false" });
      field.placeholder = placeholder;
      field.setAttribute("aria-label", label);
      field.value = show(line.entry ?? "");
      fields.set(line, field);
      content.append(field);
      makeLineAccessible(content, () => {});
    },
  });
  const texts = [given ?? []].flat().filter((text) => text !== "" && text !== undefined && text !== null);
  for (const text of texts) list.add({ entry: shownText(text) });
  const entries = () =>
    list
      .data()
      .map((line) => read(fields.get(line)?.value ?? ""))
      .filter(Boolean);
  const before = JSON.stringify(entries());
  return { entries, value: () => (JSON.stringify(entries()) === before ? given : entries()) };
}
