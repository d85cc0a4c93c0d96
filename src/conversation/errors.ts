import { ChatError as ClientError, defineErrors, type ErrorTable, type KeyOf } from "../client/internal";

/** The errors of the conversation layer. */
export const CONVERSATION_ERRORS = {
  invalid_input: {
    model_missing: "No model set. Enter a model ID in the configuration or in the node.",
    prompt_empty: "Nothing to ask: __name__ is empty. Put the prompt there, or choose where it is in the node.",
    prompt_buffer:
      "__name__ is a Buffer that is neither UTF-8 text nor an image (PNG, JPEG, GIF, WebP) or sound (WAV, MP3). Convert it first.",
    media_no_place:
      "__name__ is an image or sound, and only text can be sent here. Send it in msg.images or msg.audio, or as content of a user message.",
    prompt_unsendable:
      "__name__ cannot be sent: it is of type __type__ or holds what JSON cannot express. Send text, messages or a plain object.",
    list_too_long:
      "Too many items in __name__: __count__. Is a time or an id the index? Use push() or an object instead.",
    message_not_object: "__name__ is not a message. A message is an object with role and content.",
    message_role: '__name__ has the role "__role__", which models do not know. Use system, user, assistant or tool.',
    message_content: "__name__ has no content that can be sent. Give it text, or an array of content parts.",
    message_part:
      '__name__ is not a content part. A part is an object with a type, such as { type: "text", text: "…" }.',
    message_image:
      "__name__ is not an image that can be sent. image_url.url must be an http or https URL, or a data URI of an image.",
    message_tool_call_id: "__name__ is a tool message without tool_call_id. Copy the id of the call that it answers.",
    image_path:
      'Path in place of an image: __name__ is "__value__", a path or an incomplete address. Read the file first, for example with a read file node whose output is a single Buffer object. Or send a whole address that begins with https://.',
    image_too_big: "The image in __name__ has __megabytes__ MB; 10 MB are allowed. Make it smaller first.",
    options_not_object: "msg.huggingface is of type __type__. It must be an object such as { temperature: 0.2 }.",
    option_forbidden:
      "__name__ is not allowed: a message may not change the token, the headers or the server. Set them in the configuration.",
    option_number:
      '__name__ is "__value__", which is not a number that can be used here. Correct it, or leave it blank.',
    option_boolean: '__name__ is "__value__". It must be true or false.',
    option_text: "__name__ must be text.",
    option_stop: "__name__ must be a text or an array of texts.",
    option_choice: '__name__ is "__value__". Choose one of: __choices__.',
    n_not_one: "n is above 1, but a question has one reply. Send the question several times instead.",
    extra_reserved: "Not allowed: __name__ in the extra fields. The node sets it itself. Remove it.",
    json_invalid: "__name__ is not valid JSON: __reason__. Correct it in the node.",
    not_an_object: "__name__ must be an object, written in braces.",
    env_missing:
      "Variable not set: __name__, named in the field __field__. Set it and restart Node-RED, or enter a value.",
    images_invalid:
      "__name__ is not a PNG, JPEG, GIF or WebP image, or an http or https address of one. Send a Buffer, an address, a data URI or base64 text.",
    sound_invalid:
      "Not a sound that can be sent: __name__ is neither WAV nor MP3. Convert it, and send a Buffer, a data URI or base64 text; read a file first with a read file node.",
    sound_too_big: "Sound too big: __name__ has __megabytes__ MB; 10 MB are allowed. Send a shorter one, or MP3.",
    tool_not_declared:
      "Not a tool: msg.huggingface.tools__index__ does not declare a function. Write { name, description, parameters }, or the form of the API.",
    tool_twice: "Tool name used twice: __name__. Rename one of the two tools.",
    tool_schema:
      "Tool schema not valid: the parameters of __name__ are not a JSON schema: __reason__. Correct them in its node.",
    tool_name_missing: "No tool named: the tool choice needs a name. Enter it in the node.",
    function_name:
      'Tool name not valid: "__name__". Use 1 to 64 letters, digits, _ or -. Correct it in its node, or in the form.',
    functions_not_list:
      "The declared functions must be a list of { name, description, parameters }. Correct them in the node.",
    schema_missing: "No JSON schema: the reply is to follow one. Enter it in the node.",
    schema_invalid: "JSON schema not valid: __reason__. Correct it in the node.",
  },
  budget_exhausted: {
    limit_questions:
      "Limit reached: __used__ of __amount__ questions. It resets at __until__. Raise it in the configuration, or wait.",
    limit_usd:
      "Limit reached: __used__ of __amount__ USD. It resets at __until__. Raise it in the configuration, or wait.",
    limit_tokens:
      "Limit reached: __used__ of __amount__ tokens. It resets at __until__. Raise it in the configuration, or wait.",
  },
  tool_failed: {
    too_many_steps:
      "Too many tool rounds: the model still calls tools after __count__. Allow more rounds in the node, or describe the tools more clearly.",
  },
  invalid_output: {
    output_invalid:
      "Not the JSON asked for: __problems__. Describe more clearly what is wanted, allow more repairs, or use another model.",
    call_truncated:
      "Tool call cut off (__reason__): the arguments of __name__ are not complete. Raise Max. tokens in the node, or ask for less at once.",
    output_truncated:
      "JSON cut off (__reason__): the reply ended before it was complete. Allow more tokens, or ask for a shorter reply.",
    output_refused: "Refused by the model: __refusal__ Change the question.",
    output_filtered:
      "JSON held back (__reason__): the server kept part of the reply back, so it is not complete. Change the question.",
  },
} as const satisfies ErrorTable;

/** The same errors in a few words: see `CLIENT_SUMMARIES`. */
export const CONVERSATION_SUMMARIES: { readonly [K in KeyOf<typeof CONVERSATION_ERRORS>]: string } = {
  model_missing: "no model set",
  prompt_empty: "nothing to ask",
  prompt_buffer: "prompt is a Buffer of bytes",
  media_no_place: "image or sound not allowed",
  prompt_unsendable: "prompt cannot be sent",
  list_too_long: "too many items",
  message_not_object: "not a message",
  message_role: "unknown role",
  message_content: "message without content",
  message_part: "not a content part",
  message_image: "not an image",
  message_tool_call_id: "tool_call_id missing",
  image_path: "path in place of an image",
  image_too_big: "image too big, __megabytes__ MB",
  options_not_object: "msg.huggingface not an object",
  option_forbidden: "not allowed in a message",
  option_number: "not a number: __name__",
  option_boolean: "not true or false: __name__",
  option_text: "not text: __name__",
  option_stop: "not text: __name__",
  option_choice: "unknown choice: __name__",
  n_not_one: "n above 1",
  extra_reserved: "not allowed: __name__",
  json_invalid: "JSON not valid: __name__",
  not_an_object: "not an object: __name__",
  env_missing: "variable not set: __name__",
  images_invalid: "not an image",
  sound_invalid: "not WAV or MP3",
  sound_too_big: "sound too big, __megabytes__ MB",
  tool_not_declared: "not a tool",
  tool_twice: "duplicate tool: __name__",
  tool_schema: "tool schema wrong: __name__",
  tool_name_missing: "no tool named",
  function_name: "tool name not valid",
  functions_not_list: "functions not a list",
  schema_missing: "no JSON schema",
  schema_invalid: "JSON schema not valid",
  limit_questions: "limit: __amount__ questions",
  limit_usd: "limit: __amount__ USD",
  limit_tokens: "limit: __amount__ tokens",
  too_many_steps: "too many tool rounds (__count__)",
  output_invalid: "reply is not the JSON wanted",
  call_truncated: "tool call cut off (__reason__)",
  output_truncated: "JSON cut off (__reason__)",
  output_refused: "refused by the model",
  output_filtered: "JSON held back (__reason__)",
};

/** The one class of errors, with the keys of this layer and of the client. */
export const ChatError = defineErrors(ClientError, CONVERSATION_ERRORS, CONVERSATION_SUMMARIES);
export type ChatError = ClientError;
