import { asChatError, type ChatError, type ErrorParams, LONGEST_SUMMARY } from "../client/internal";
import { CHAT_FIELDS } from "../shared/chat-fields";
import { CONFIG_FIELDS } from "../shared/config-fields";
import type { Field } from "../shared/field";
import { MCP_FIELDS } from "../shared/mcp-fields";
import { TOOL_FIELDS } from "../shared/tool-fields";
// For the words of Node-RED in the errors of the client.
import "./errors";
import type { Translate } from "./red";

/** Keys of labels, by the name of a field in a flow, also behind that of its node, and in the API. */
const LABELS = new Map<string, string>();
for (const [node, fields] of [
  ["huggingface-tool.", TOOL_FIELDS],
  ["huggingface-mcp.", MCP_FIELDS],
  ["huggingface-config.", CONFIG_FIELDS],
  ["", CHAT_FIELDS],
] as [string, readonly Field[]][]) {
  for (const { name, api, heading = name } of fields) {
    for (const word of [name, api, node + name]) if (word) LABELS.set(word, `${node}label.${heading}`);
  }
}

// Credentials.
LABELS.set("token", "huggingface-config.label.token");
LABELS.set("secretHeaders", "huggingface-config.label.headers");

/** Errors that name a field of a form, and the parameter with its name. */
const NAMES_FIELD: Readonly<Record<string, "name" | "field">> = {
  option_number: "name",
  option_boolean: "name",
  option_text: "name",
  option_stop: "name",
  option_choice: "name",
  json_invalid: "name",
  not_an_object: "name",
  prompt_empty: "name",
  prompt_buffer: "name",
  prompt_unsendable: "name",
  list_too_long: "name",
  media_no_place: "name",
  images_invalid: "name",
  image_path: "name",
  image_too_big: "name",
  sound_invalid: "name",
  sound_too_big: "name",
  env_missing: "field",
  property_failed: "name",
  property_promise: "name",
  template_failed: "name",
  context_unreadable: "name",
  secret_withheld: "name",
};

/** Makes a ChatError in Node-RED's language of whatever was thrown. */
export function localizeError(error: unknown, translate: Translate): ChatError {
  const known = asChatError(error);
  const params = withMistake(withLabel(known, translate), translate);
  known.message = look(`errors.${known.key}`, translate, params) ?? known.message;
  known.summary = look(`summary.${known.key}`, translate, params)?.slice(0, LONGEST_SUMMARY) ?? known.summary;
  return known;
}

/** Puts the label of a field in the place of its name: that is what a person sees in the form. */
function withLabel({ key, params }: ChatError, translate: Translate): ErrorParams {
  const place = NAMES_FIELD[key];
  if (!place || params[place] === undefined) return params;
  const name = String(params[place]);
  const label = LABELS.get(name);
  const text = (label && look(label, translate)) || name.replace(/^huggingface-\w+\./, "");
  return { ...params, [place]: text };
}

/** What is wrong with a schema is said as the form says it. */
function withMistake(params: ErrorParams, translate: Translate): ErrorParams {
  const { problem, place } = params;
  const text = problem && look(`huggingface-config.schema.${problem}`, translate, params);
  return text ? { ...params, reason: `${place}: ${text}` } : params;
}

/** @returns undefined where there is no text: Node-RED gives the key back then, and the test helper gives back all keys */
function look(key: string, translate: Translate, params?: ErrorParams): string | undefined {
  const text = translate(key, params);
  return text && !text.endsWith(key) ? text : undefined;
}
