import type { EditedNode, NodeForm } from "./red.js";
import { createSchemaField } from "./schema/schema-field.js";

/** Makes what the form of a tool node needs beyond its template. */
export function createToolForm(node: EditedNode): NodeForm {
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
