import { type EditedNode, widget } from "../red.js";
import { shownText } from "../shown-text.js";

/** Typed-input types whose value is a text of several lines: it has its own box below the typed input. */
const TEXT_TYPES = ["str", "template"];

/** A typed input of the chat node's form whose texts stand in a box of several lines. */
export interface TextField {
  /** the property's value if the form were saved now */
  value(): string;
  /** copies the text of the box to the field that the editor reads */
  save(): void;
}

/** Makes the typed input of a property that may be a text or a template. */
export function createTextField(node: EditedNode, property: "prompt" | "system"): TextField {
  const input = $(`#node-input-${property}`);
  const typed = widget(input);
  const box = $(`#node-input-${property}-text`);
  const row = box.closest(".huggingface-text");
  if (TEXT_TYPES.includes(shownText(node[`${property}Type`]))) {
    box.val(shownText(node[property]));
    input.val("");
  }
  const own = (value: string, icon: string) => ({
    value,
    label: node._(`huggingface-chat.type.${value === "str" ? "text" : value}`),
    icon,
    hasValue: false,
  });
  const texts = [own("str", "red/images/typedInput/az.svg"), own("template", "fa fa-code")];
  typed.typedInput({
    types: ["msg", ...texts, "jsonata", "flow", "global", "env"],
    typeField: `#node-input-${property}Type`,
  });
  let type: string | undefined;
  const showBox = () => {
    const now = typed.typedInput("type");
    // A value set by the widget's own method belongs in the box.
    const value = input.val();
    if (value && TEXT_TYPES.includes(now) && type === now) box.val(value);
    if (now === type) return;
    type = now;
    row.toggle(TEXT_TYPES.includes(now));
    box.attr("placeholder", node._(`huggingface-chat.placeholder.${now === "template" ? "template" : property}`));
    RED.tray.resize();
  };
  input.on("change", showBox);
  showBox();
  row.find("button").on("click", (event) => {
    event.preventDefault();
    RED.editor.editText({
      mode: type === "template" ? "handlebars" : "text",
      value: String(box.val() ?? ""),
      focus: true,
      complete: (value) => box.val(value).trigger("change"),
    });
  });
  const isText = () => TEXT_TYPES.includes(typed.typedInput("type"));
  return {
    value: () => String((isText() ? box : input).val() ?? ""),
    save: () => {
      if (isText()) input.val(box.val() ?? "");
    },
  };
}
