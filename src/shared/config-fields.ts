/** The fields of a huggingface-config, in the order of its form: see `Field` in `field.ts`. */
export const CONFIG_FIELDS = [
  { name: "name", kind: "text", default: "" },
  { name: "model", kind: "model", needed: true, default: "", fresh: "openai/gpt-oss-20b" },
  { name: "baseUrl", kind: "address", default: "https://router.huggingface.co/v1" },

  { name: "timeout", kind: "number", min: 1, leastRead: 0, default: "", rows: "limits", icon: "clock-o", unit: "seconds" },
  { name: "retries", kind: "number", min: 0, integer: true, default: 2, rows: "limits", icon: "repeat" },
  { name: "maxConcurrent", kind: "number", min: 1, integer: true, default: 10, rows: "limits", icon: "random" },
  { name: "maxQueued", kind: "number", min: 0, integer: true, default: 1000, rows: "limits", icon: "bars" },
  { name: "wakeUp", kind: "number", min: 0, default: 0, rows: "limits", icon: "bell-o", unit: "seconds" },
  { name: "limits", kind: "limits", default: [] },

  { name: "fallback", kind: "models", default: [] },
  { name: "otherwise", kind: "otherwise", nodeType: "huggingface-config", required: false, default: "" },
  { name: "stickyProvider", kind: "flag", default: true, rows: "requests", advanced: true, icon: "thumb-tack", heading: "provider" },
  { name: "billTo", kind: "text", default: "", rows: "requests", icon: "building-o" },
  { name: "serverStreams", kind: "flag", default: true, rows: "requests", advanced: true, icon: "tint", heading: "streams" },
  { name: "grammar", kind: "choice", choices: ["openai", "tgi"], default: "openai", rows: "requests", advanced: true, icon: "code" },
  { name: "tls", kind: "node", nodeType: "tls-config", required: false, default: "" },
  { name: "proxy", kind: "node", nodeType: "http proxy", required: false, default: "" },
  { name: "headers", kind: "headers", default: {} },
  { name: "endpointsUseEnvironment", kind: "flag", default: true, rows: "environment", advanced: true, icon: "key", heading: "environment" },
  { name: "traceContent", kind: "flag", default: false, rows: "environment", advanced: true, icon: "binoculars", heading: "traces" },
] as const;
