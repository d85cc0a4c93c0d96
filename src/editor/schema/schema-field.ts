import { createSchemaForm, type SchemaForm } from "./schema-form.js";

/** The form of a schema that is a property of the node. */
export interface SchemaField extends SchemaForm {
  /** copies the schema to the field that the editor reads */
  save(): void;
}

/**
 * Makes the form of a schema that is a property of the node. The property's hidden field is where the editor looks for it,
 * and marks mistakes.
 *
 * @param property its name; the form goes into the element `node-input-<property>-container`
 * @param given its value: text, or an object in a flow not saved by this form
 * @param isReply whether it is the schema of a reply
 */
export function createSchemaField(property: string, given: unknown, isReply: boolean): SchemaField {
  const input = $(`#node-input-${property}`);
  const isObject = typeof given === "object" && given !== null;
  if (isObject) input.val(JSON.stringify(given, null, 2));
  const written = String(input.val() ?? "");
  const form = createSchemaForm({
    container: $(`#node-input-${property}-container`)[0] as HTMLElement,
    text: written,
    isReply,
    changed: (text) => input.val(text).trigger("change"),
  });
  return {
    ...form,
    save: () => {
      input.val(form.text());
      // An object stays one while nothing is changed: without its field, the editor keeps the property.
      if (isObject && input.val() === written) input.remove();
    },
  };
}
