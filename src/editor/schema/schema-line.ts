import { type EditableList, editableList, make, makeLineAccessible, text } from "../red.js";
import {
  ITEM_TYPES,
  type ItemType,
  isDescribable,
  ROW_TYPES,
  type RowType,
  readValues,
  showValues,
} from "./schema-row.js";
import { nameProblem, type Row } from "./schema-rows.js";

interface Line {
  row?: Row;
  /** shows what is wrong with the name */
  mark?(problem: string | undefined): void;
}

const NEW_ROW: Row = { name: "", type: "string", description: "", required: true, values: [], items: "string" };

/** The rows of a schema in the form. */
export interface RowList {
  rows(): Row[];
  show(rows: readonly Row[]): void;
}

/**
 * Makes the list of rows.
 *
 * @param element an `<ol>`
 * @param changed called whenever the user has changed, added, moved or removed a row
 */
export function createRowList(element: HTMLElement, changed: () => void): RowList {
  const list: EditableList<Line> = editableList<Line>(element, {
    addButton: text("rows.add"),
    addItem: (content, _index, line) => {
      const isNew = !line.row;
      line.row ??= NEW_ROW;
      fillLine(content[0] as HTMLElement, line, report);
      makeLineAccessible(content, report);
      if (!isNew) return;
      report();
      content.find("input").first().trigger("focus");
    },
    removeItem: () => report(),
    sortItems: () => report(),
  });
  const rows = () => list.data().map(({ row }) => row as Row);
  const mark = () => {
    const all = rows();
    for (const [index, line] of list.data().entries()) line.mark?.(nameProblem(all, index));
  };
  const report = () => {
    mark();
    changed();
  };
  return {
    rows,
    show: (shown) => {
      list.clear();
      for (const row of shown) list.add({ row });
      mark();
    },
  };
}

function fillLine(content: HTMLElement, line: Line, changed: () => void): void {
  const row = line.row as Row;
  const { origin } = row;
  const update = (fields: Partial<Row>) => {
    line.row = { ...(line.row as Row), ...fields };
    changed();
  };

  const name = field("name", row.name, (value) => update({ name: value }));
  const type = choice("type", ROW_TYPES, row.type, origin?.was.type === "other", (value: RowType) => {
    update({ type: value });
    showMore();
  });
  const box = make("input", { type: "checkbox" });
  box.checked = row.required;
  box.addEventListener("change", () => update({ required: box.checked }));
  const required = make("label", { class: "huggingface-check" }, box, text("rows.required"));
  const description = field("description", row.description, (value) => update({ description: value }));
  description.disabled = !isDescribable(origin?.entry.value);
  const values = field("values", showValues(row.values), (value) => update({ values: readValues(value) }));
  const items = choice("items", ITEM_TYPES, row.items, origin?.was.items === "other", (value: ItemType) => {
    update({ items: value });
  });
  const itemsRow = make("label", { class: "huggingface-row-of" }, make("span", {}, text("rows.items")), items);

  const showMore = () => {
    values.hidden = line.row?.type !== "enum";
    itemsRow.hidden = line.row?.type !== "array";
  };
  showMore();
  line.mark = (problem) => {
    name.classList.toggle("input-error", problem !== undefined);
    name.setAttribute("aria-invalid", String(problem !== undefined));
    name.title = problem ? text(`rows.${problem}`) : "";
  };
  content.classList.add("huggingface-row");
  content.append(make("div", { class: "huggingface-row-first" }, name, type, required), description, values, itemsRow);
}

function field(property: string, value: string, changed: (value: string) => void): HTMLInputElement {
  const label = text(`rows.${property}`);
  const input = make("input", {
    type: "text",
    class: `huggingface-row-${property}`,
    placeholder: label,
    "aria-label": label,
    spellcheck: String(property === "description"),
    autocomplete: "off",
  });
  input.value = value;
  input.addEventListener("input", () => changed(input.value));
  return input;
}

function choice<T extends string>(
  property: string,
  known: readonly T[],
  value: T | "other",
  withOther: boolean,
  changed: (value: T | "other") => void,
): HTMLSelectElement {
  const select = make("select", { class: `huggingface-row-${property}`, "aria-label": text(`rows.${property}`) });
  for (const option of withOther ? [...known, "other"] : known) {
    select.append(
      make("option", { value: option }, text(`${property === "items" ? "itemType" : "rowType"}.${option}`)),
    );
  }
  select.value = value;
  select.addEventListener("change", () => changed(select.value as T | "other"));
  return select;
}
