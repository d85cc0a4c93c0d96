/**
 * How a field is read from a flow and checked in the form. Those from `typedInput` on have rows by hand; `inputType` is the
 * type beside a typed input, `node` and `nodes` are ids of other nodes,
 * and `otherwise` that of a configuration behind this one.
 */
export type FieldKind =
  | "number"
  | "flag"
  | "choice"
  | "text"
  | "address"
  | "schemaName"
  | "typedInput"
  | "inputType"
  | "node"
  | "nodes"
  | "otherwise"
  | "model"
  | "models"
  | "headers"
  | "limits"
  | "stop"
  | "jsonObject"
  | "functions"
  | "mcpTools"
  | "calledFunction"
  | "contextStore"
  | "schema"
  | "replySchema"
  | "toolName";

/** A field of a form. Its label, and a hint if it has one, are `label.<name>` and `tip.<name>` in the catalogue of its node. */
export interface Field {
  /** The property in the flow file. */
  name: string;
  kind: FieldKind;
  /** The value where nothing is set; "" for a field that is not sent then. */
  default: string | number | boolean | readonly unknown[] | Readonly<Record<string, unknown>>;
  /** What the form gives a new node, where that is not `default`: nodes without the property keep the default. */
  fresh?: string;
  /** The field of the request that carries it; without one, the node itself uses it. */
  api?: string;

  /** The smallest number that the form takes, and the runtime unless `leastRead` is smaller. The server judges those with `api`. */
  min?: number;
  leastRead?: number;
  /** The largest number that the form takes. */
  max?: number;
  /** True if the form takes whole numbers only. */
  integer?: boolean;
  /** The words of a `choice`. Their texts are `<name>.<word>` in the catalogue. */
  choices?: readonly string[];
  /** Names that a `jsonObject` must not have. */
  reserved?: readonly string[];
  /** True if a `typedInput` may be blank. */
  allowBlank?: boolean;
  /** True if a `typedInput` tells messages apart: one text for all of them is a mistake where it looks like a property. */
  isKey?: boolean;
  /** The type that `node`, `nodes` or `otherwise` must have, as Node-RED writes it in `defaults`. */
  nodeType?: string;
  /** True if a `model` must not be blank. The demo needs none, so Node-RED's own check cannot say so. */
  needed?: boolean;
  /** Node-RED's own check: whether a blank value is an error. */
  required?: boolean;

  /** The block of generated rows in the template: `<!-- rows: … -->`. Without one, the row is written by hand. */
  rows?: string;
  /** True for a row in the fold of its tab: its block is `<!-- advanced: … -->`. */
  advanced?: boolean;
  /** A Font Awesome icon without `fa-`. A row without one has no visible label. */
  icon?: string;
  /** A class of the row, `huggingface-<node>-<only>-row`: the form shows and hides rows by it. */
  only?: string;
  /** The text behind the input: `unit.<unit>` in the catalogue. */
  unit?: string;
  /** The label of a flag's row, where `label.<name>` stands beside the checkbox. */
  heading?: string;
  /** The text beside a flag's checkbox, where `label.<name>` is the label of the row. */
  beside?: string;
  /** Words that the input of a `text` offers. */
  suggestions?: readonly string[];
}

/** The default of each field, by name. */
export type DefaultsOf<Fields extends readonly Field[]> = { [F in Fields[number] as F["name"]]: F["default"] };

/** The names of the fields of one kind. */
export type NameOf<Fields extends readonly Field[], Kind extends FieldKind> = Extract<
  Fields[number],
  { kind: Kind }
>["name"];

/** The words of each choice, by the name of its field. */
export type WordsOf<Fields extends readonly Field[]> = {
  [F in Extract<Fields[number], { choices: readonly string[] }> as F["name"]]: F["choices"][number];
};
