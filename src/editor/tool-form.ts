import { goTo } from "./canvas.js";
import { type EditedNode, make, makeButton, type NodeForm } from "./red.js";
import { createSchemaField } from "./schema/schema-field.js";

/** Makes what the form of a tool node needs beyond its template. */
export function createToolForm(node: EditedNode): NodeForm {
  $("#node-input-name").closest(".form-row").after(makeUsers(node));
  cleanName($("#node-input-name"));
  const parameters = createSchemaField("parameters", node["parameters"], false);
  return {
    resize: () => {
      const spare = ($("#dialog-form").height() ?? 0) - ($("#dialog-form .huggingface-form").outerHeight(true) ?? 0);
      parameters.setCodeHeight(Math.max(150, parameters.codeHeight() + spare));
    },
    save: parameters.save,
    close: parameters.destroy,
  };
}

/** Makes the row that names the chat nodes in which the tool is picked; each name leads there. */
function makeUsers(node: EditedNode): HTMLElement {
  const users = RED.nodes
    .filterNodes({ type: "huggingface-chat" })
    .filter(({ tools }) => [tools ?? []].flat().includes(node.id))
    .map(({ id, name }) => makeButton(name || id, "fa-arrow-right", () => goTo(id)));
  const shown = users.length > 0 ? users : [node._("huggingface-tool.tip.unused")];
  return make(
    "div",
    { class: "form-row huggingface-tool-users" },
    make("label", {}, make("i", { class: "fa fa-comments-o" }), ` ${node._("huggingface-tool.label.usedBy")}`),
    make("div", { class: users.length > 0 ? "huggingface-field" : "huggingface-field huggingface-hint" }, ...shown),
  );
}

/** Makes a name of what is typed: what names may not have becomes `_`, at once, and letters lose their accents. */
function cleanName(name: JQuery): void {
  name.on("input compositionend", ({ originalEvent }) => {
    const input = name[0] as HTMLInputElement;
    if ((originalEvent as InputEvent | undefined)?.isComposing) return;
    const clean = (text: string) =>
      text
        .normalize("NFD")
        .replace(/\p{M}/gu, "")
        .replace(/[^\w-]/gu, "_");
    if (clean(input.value) === input.value) return;
    const caret = clean(input.value.slice(0, input.selectionStart ?? undefined)).length;
    input.value = clean(input.value);
    input.setSelectionRange(caret, caret);
  });
}
