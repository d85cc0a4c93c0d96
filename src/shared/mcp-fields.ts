/** The fields of a huggingface-mcp, in the order of its form: see `Field` in `field.ts`. */
export const MCP_FIELDS = [
  { name: "name", kind: "text", default: "" },
  { name: "url", kind: "address", needed: true, default: "", rows: "server", icon: "globe" },
  { name: "account", kind: "node", nodeType: "huggingface-config", required: false, default: "" },
  { name: "believe", kind: "flag", default: false, rows: "trust", advanced: true, icon: "shield", heading: "trust" },
  { name: "timeout", kind: "number", min: 0, default: 30, rows: "trust", advanced: true, icon: "clock-o", unit: "seconds" },
  { name: "tls", kind: "node", nodeType: "tls-config", required: false, default: "" },
  { name: "proxy", kind: "node", nodeType: "http proxy", required: false, default: "" },
  { name: "headers", kind: "headers", default: {} },
] as const;
