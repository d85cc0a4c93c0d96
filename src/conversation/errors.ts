import { ChatError as ClientError, defineErrors, type ErrorTable } from "../client/internal";

/** The errors of the conversation layer. */
export const CONVERSATION_ERRORS = {
  invalid_input: {
    model_missing: "No model is set. Enter a model ID in the configuration or in the node.",
    prompt_empty:
      "There is nothing to ask: __name__ is empty. Put the prompt there, or choose where it is in the node.",
    prompt_buffer: "__name__ is a Buffer that is no PNG, JPEG, GIF or WebP image. Convert text to a string first.",
    prompt_unsendable:
      "__name__ cannot be sent: it is of type __type__ or holds what JSON cannot express. Send text, messages or a plain object.",
    message_not_object: "__name__ is no message. A message is an object with role and content.",
    message_role: '__name__ has the role "__role__", which models do not know. Use system, user, assistant or tool.',
    message_content: "__name__ has no content that can be sent. Give it text, or an array of content parts.",
    message_part: '__name__ is no content part. A part is an object with a type, such as { type: "text", text: "…" }.',
    message_image:
      "__name__ is no image that can be sent. image_url.url must be an http or https URL, or a data URI of an image.",
    message_tool_call_id: "__name__ is a tool message without tool_call_id. Copy the id of the call that it answers.",
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
    extra_reserved: "The extra fields may not hold __name__: the node sets it itself. Take it out.",
    json_invalid: "__name__ is not valid JSON: __reason__. Correct it in the node.",
    not_an_object: "__name__ must be an object, written in braces.",
    env_missing:
      "The environment variable __name__, named in the field __field__, is not set. Set it and restart Node-RED, or enter a value.",
    images_invalid:
      "__name__ is no PNG, JPEG, GIF or WebP image, and no http or https address of one. Send a Buffer, an address, a data URI or base64 text.",
    tool_not_declared:
      "msg.huggingface.tools__index__ declares no function. Write { name, description, parameters }, or the form of the API.",
    tool_twice: "Two functions have the name __name__. Rename one of them.",
    tool_schema: "The parameters of the function __name__ are no JSON schema: __reason__. Correct them in its node.",
    tool_name_missing: "The tool choice names no function. Enter its name in the node.",
    function_name:
      'The function "__name__" needs another name: 1 to 64 letters, digits, _ or -. Correct it in its node, or in the form.',
    functions_not_list:
      "The declared functions must be a list of { name, description, parameters }. Correct them in the node.",
    schema_missing: "The reply is to follow a JSON schema, but there is none. Enter it in the node.",
    schema_invalid: "The JSON schema of the reply cannot be used: __reason__. Correct it in the node.",
  },
  tool_failed: {
    too_many_steps:
      "The model still calls functions after __count__ rounds. Allow more rounds in the node, or describe the functions more clearly.",
  },
  invalid_output: {
    output_invalid:
      "The reply is not the JSON that was asked for: __problems__. Describe more clearly what is wanted, allow more repairs, or use another model.",
    output_truncated:
      "The reply was cut off before its JSON was complete (__reason__). Allow more tokens, or ask for a shorter reply.",
    output_filtered:
      "The server held back part of the reply (__reason__), so its JSON is not complete. Change the question.",
  },
} as const satisfies ErrorTable;

/** The one class of errors, with the keys of this layer and of the client. */
export const ChatError = defineErrors(ClientError, CONVERSATION_ERRORS);
export type ChatError = ClientError;
