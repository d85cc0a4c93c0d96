/** The fields of a huggingface-tool, in the order of its form: see `Field` in `field.ts`. */
export const TOOL_FIELDS = [
  { name: "name", kind: "toolName", default: "" },
  { name: "description", kind: "text", default: "" },
  { name: "strict", kind: "flag", default: false, rows: "strict", icon: "check-square-o", beside: "strictly" },
  { name: "parameters", kind: "schema", default: "" },
] as const;
