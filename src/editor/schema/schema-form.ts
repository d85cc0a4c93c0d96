import { type CodeEditor, createJsonEditor, destroyEditor, dialogButtons, make, makeButton, text } from "../red.js";
import { editJson } from "./code-tray.js";
import { schemaFromExample } from "./example.js";
import { type Problem, position } from "./json-source.js";
import { createRowList } from "./schema-line.js";
import { schemaProblems } from "./schema-problems.js";
import { readRows, type SchemaRows, writeRows } from "./schema-rows.js";

/** A schema in a form: as rows, and as text in a code editor, in step. */
export interface SchemaForm {
  /** the schema's text; exactly the given one while nothing was changed */
  text(): string;
  /** gives the code editor a height, in pixels */
  setCodeHeight(height: number): void;
  codeHeight(): number;
  resize(): void;
  /** ends the code editor, which would otherwise stay in memory */
  destroy(): void;
}

export interface SchemaFormOptions {
  /** an empty element */
  container: HTMLElement;
  text: string;
  /** whether the schema is that of a reply: it can come from an example, and a new one allows nothing else */
  isReply?: boolean;
  changed?(text: string): void;
}

/** Makes the form of a schema. */
export function createSchemaForm({ container, text: given, isReply = false, changed }: SchemaFormOptions): SchemaForm {
  const note = make("div", { class: "huggingface-hint huggingface-rows-note", role: "status" });
  const list = make("ol", { class: "huggingface-rows" });
  const code = make("div", { class: "node-text-editor huggingface-schema-code" });
  const problems = make("div", { class: "huggingface-hint huggingface-problem", role: "status" });
  const rowsBox = make("div", { class: "huggingface-rows-box" }, list);
  container.classList.add("huggingface-schema");
  container.append(note, rowsBox);
  if (isReply) container.append(createExample((schema) => editor.setValue(schema, -1)));
  const larger = make("button", {
    type: "button",
    class: "red-ui-button",
    title: text("rows.expand"),
  });
  larger.setAttribute("aria-label", text("rows.expand"));
  larger.append(make("i", { class: "fa fa-expand" }));
  larger.addEventListener("click", () => {
    editJson(text("rows.code"), editor.getValue(), (written) => {
      if (written !== editor.getValue()) editor.setValue(written, -1);
    });
  });
  const label = make("div", { class: "huggingface-schema-label" }, make("span", {}, text("rows.code")), larger);
  container.append(label, code, problems);

  let current = given;
  let read: SchemaRows = { text: "", rows: [] };
  // Set while the rows write into the code editor, whose change events are ignored then.
  let isWriting = false;

  const rowList = createRowList(list, writeFromRows);
  const editor = createJsonEditor(code, given);
  editor.getSession().on("change", () => {
    if (isWriting) return;
    current = editor.getValue();
    showRows();
    report();
  });

  function writeFromRows(): void {
    const written = writeRows(read, rowList.rows(), { closed: isReply });
    if (written === current) return;
    current = written;
    isWriting = true;
    editor.setValue(written, -1);
    isWriting = false;
    report();
  }

  function showRows(): void {
    const found = readRows(current);
    const isShown = "rows" in found;
    if (isShown) {
      read = found;
      rowList.show(found.rows);
    }
    note.textContent = isShown ? "" : text("problem" in found ? "rows.broken" : "rows.unfit");
    rowsBox.inert = !isShown;
    rowsBox.classList.toggle("huggingface-off", !isShown);
  }

  function report(): void {
    showProblems(editor, current, problems);
    changed?.(current);
    RED.tray.resize();
  }

  showRows();
  showProblems(editor, current, problems);
  return {
    text: () => {
      // A row that is fading out no longer counts.
      if (!rowsBox.inert) writeFromRows();
      return current;
    },
    setCodeHeight: (height) => {
      code.style.height = `${height}px`;
      editor.resize();
    },
    codeHeight: () => code.offsetHeight,
    resize: () => editor.resize(),
    destroy: () => destroyEditor(editor),
  };
}

/** Marks every mistake, and shows the first one below the editor, also with Ace. */
function showProblems(editor: CodeEditor, source: string, element: HTMLElement): void {
  const found = schemaProblems(source);
  element.textContent = found[0] ? describe(source, found[0]) : "";
  const model = editor.getModel?.();
  if (!model || typeof monaco === "undefined") return;
  // Monaco's own JSON service marks invalid JSON. For the rest it would need a schema of schemas, which is
  // global to all editors of the page, does not check patterns, and reports in English.
  const ours = found.filter(({ key }) => !key.startsWith("json."));
  monaco.editor.setModelMarkers(
    model,
    "huggingface",
    ours.map(({ key, params, start, end }) => {
      const from = position(source, start);
      const to = position(source, end);
      return {
        severity: 8,
        message: text(key, params),
        startLineNumber: from.line,
        startColumn: from.column,
        endLineNumber: to.line,
        endColumn: to.column,
      };
    }),
  );
}

/** Describes a mistake and its place. */
export function describe(source: string, { key, params, start }: Problem): string {
  const { line, column } = position(source, start);
  return text("json.at", { line, column, problem: text(key, params) });
}

/** Makes a button that opens a box for an example, and turns it into a schema. */
function createExample(done: (schema: string) => void): HTMLElement {
  const label = text("example.label");
  const box = make("textarea", {
    rows: "6",
    "aria-label": label,
    placeholder: text("example.placeholder"),
    spellcheck: "false",
  });
  const problem = make("div", { class: "huggingface-hint huggingface-problem", role: "alert" });
  const panel = make("div", { class: "huggingface-example-panel" }, box, problem);
  panel.hidden = true;
  const toggle = makeButton(text("example.open"), "fa-magic", () => {
    panel.hidden = !panel.hidden;
    toggle.setAttribute("aria-expanded", String(!panel.hidden));
    if (!panel.hidden) box.focus();
    RED.tray.resize();
  });
  toggle.setAttribute("aria-expanded", "false");
  toggle.classList.add("huggingface-example-open");
  const use = makeButton(text("example.use"), "fa-check", () => {
    const made = schemaFromExample(box.value);
    problem.textContent = "problem" in made ? describe(box.value, made.problem) : "";
    box.classList.toggle("input-error", "problem" in made);
    if ("problem" in made) {
      const { start, end } = made.problem;
      box.focus();
      box.setSelectionRange(start, end);
      return;
    }
    toggle.click();
    done(made.schema);
  });
  use.classList.add("huggingface-example-use");
  panel.append(use, make("div", { class: "huggingface-hint" }, text("example.tip")));
  return make("div", { class: "huggingface-example" }, toggle, panel);
}

/** Opens a schema in a tray of its own, over the form that it belongs to. */
export function editSchema(title: string, given: string, done: (schema: string) => void): void {
  let form: SchemaForm | undefined;
  RED.tray.show({
    title,
    buttons: dialogButtons(() => form?.text() ?? given, done),
    open: (tray) => {
      const container = make("div");
      const body = make("form", { class: "dialog-form form-horizontal huggingface-form" }, container);
      body.addEventListener("submit", (event) => event.preventDefault());
      tray.find(".red-ui-tray-body").append(body);
      form = createSchemaForm({ container, text: given });
      form.setCodeHeight(250);
    },
    resize: () => form?.resize(),
    close: () => form?.destroy(),
  });
}
