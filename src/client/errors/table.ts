/** What a flow can switch on. `cancelled` stays inside: an abort is no error for a flow. */
export type ErrorCode =
  | "invalid_input"
  | "auth_error"
  | "rate_limit"
  | "budget_exhausted"
  | "not_found"
  | "timeout"
  | "provider_unavailable"
  | "tool_failed"
  | "invalid_output"
  | "cancelled";

/**
 * Every way to fail, under the code that it has: its key and its English sentence, with parameters as `__name__`.
 * `npm run generate` writes the sentences into the locale files. They stand here so that an error needs no file when it
 * happens: the reason may be that no file can be opened.
 */
export const SENTENCES = {
  invalid_input: {
    config_missing:
      "No configuration is chosen, or it is disabled. Choose a Hugging Face configuration in the node and deploy.",
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
    property_failed: "The field __name__ (__property__) could not be worked out: __reason__",
    property_promise:
      "The field __name__ (__property__) holds a promise, not a value. Wait for it in a function node, and pass on what comes of it.",
    template_failed: "The template in the field __name__ has a mistake: __reason__",
    output_path:
      "The reply could not be put into __property__: this is no path, or a value along it is no object. The reply is in msg.completion; choose another place in the node.",
    message_locked:
      "The message cannot take the reply: msg.__name__ cannot be set. Nothing was asked. Send a copy of the message, for example with return { ...msg } in a function node.",
    output_unusable:
      "The reply cannot be put into __property__: this is not a path, or a value along it cannot be written to. Nothing was asked. Choose another place in the node.",
    images_invalid:
      "__name__ is no PNG, JPEG, GIF or WebP image, and no http or https address of one. Send a Buffer, an address, a data URI or base64 text.",
    request_unsendable:
      "The question cannot be written as JSON: __reason__. Look for circular references in msg.huggingface and the messages.",
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
    base_url_invalid: 'The base URL "__url__" is not an address. Enter one that begins with http:// or https://.',
    base_url_socket:
      'The base URL "__url__" names a unix socket, which cannot be used. Let the server listen on a port and enter its address.',
    base_url_credentials:
      "The base URL holds a user name or password. Take them out: use the token or a header instead.",
    token_invalid: "The token holds characters that cannot be sent. Paste it again.",
    header_invalid: "The header __name__ has a name or value that cannot be sent. Correct it in the configuration.",
    header_reserved: "The header __name__ is set by the connection itself. Take it out of the configuration.",
    proxy_invalid: "The proxy __url__ cannot be used. Correct its address in the proxy node or in the environment.",
    tls_invalid: "The TLS configuration is missing or has a mistake. Correct it, or choose another one.",
    refused: "The server refused the request (__status__): __message__ Correct what it names.",
    too_large:
      "The question is too large for the server (__status__): __message__ Shorten the conversation, or use fewer or smaller images.",
    secret_withheld:
      "The value of __name__ comes from the environment, and is used only at the address that was deployed. Deploy first, or enter the value itself.",
  },
  auth_error: {
    token_missing: "The server wants a token (__status__): __message__ Enter one in the configuration.",
    token_refused:
      "The server does not accept the token (__status__): __message__ Enter a valid token in the configuration.",
    forbidden:
      'Access is denied (__status__): __message__ Give the token the permission "Make calls to Inference Providers", or ask for access to the model.',
  },
  rate_limit: {
    queue_full: "__count__ questions are waiting already. Send them more slowly, or allow more in the configuration.",
    rate_limited: "Too many requests (__status__): __message__ Send them more slowly, or try again later.",
    rate_limited_until: "Too many requests (__status__): __message__ Try again in __seconds__ s.",
  },
  budget_exhausted: {
    credits_used_up: "The credits are used up (__status__): __message__ Buy credits, or use another token.",
    quota_used_up: "The quota is used up (__status__): __message__ Raise it at the provider, or use another token.",
  },
  not_found: {
    model_not_found:
      "The model __model__ cannot be used (__status__): __message__ Check the model ID and its provider.",
    path_not_found:
      "__host__ has no chat completions at this address (__status__): __message__ Check the base URL and the model ID.",
    gone: "This address is no longer served (__status__): __message__ Use the base URL https://router.huggingface.co/v1.",
  },
  timeout: {
    server_timeout: "The server took too long (__status__): __message__ Try again, or use another provider.",
    server_timeout_until: "The server took too long (__status__): __message__ Try again in __seconds__ s.",
    silent:
      "No reply came from __host__ within __seconds__ s. Try again, or allow a longer time-out in the configuration.",
    silent_midway:
      "The reply from __host__ stopped coming for __seconds__ s. Try again, or allow a longer time-out in the configuration.",
  },
  provider_unavailable: {
    server_failed: "The server failed (__status__): __message__ Try again later, or use another provider.",
    server_busy:
      "The server is not ready (__status__): __message__ Try again later. An endpoint that sleeps needs a wake-up time in the configuration.",
    server_busy_until: "The server is not ready (__status__): __message__ Try again in __seconds__ s.",
    not_supported: "The server does not support this (__status__): __message__ Use another model or server.",
    redirected:
      "The server sends the request elsewhere (__status__), to __location__. Enter the new address as base URL; the token is never sent on.",
    unexpected_status: "The server answered in an unexpected way (__status__): __message__ Check the base URL.",
    host_unknown: "The host __host__ was not found (__reason__). Check the base URL and the network.",
    connection_refused: "Nothing answers at __host__ (__reason__). Check that the server runs, and the base URL.",
    connection_failed: "The connection to __host__ failed: __reason__. Check the base URL and the network.",
    connection_closed:
      "The connection to __host__ failed: it was closed before an answer came. Try again. If that does not help, check http or https and the port in the base URL.",
    connection_timeout:
      "The connection to __host__ failed: it was not accepted in time. Check the base URL and the network.",
    connection_cut:
      "The connection to __host__ was lost: it was closed while the reply came. Try again; what had come is in msg.completion.",
    files_exhausted:
      "No connection to __host__: Node-RED has too many files and connections open (__reason__). Close some, or raise the limit for open files.",
    connection_lost: "The connection to __host__ was lost while the reply came: __reason__. Try again.",
    certificate:
      "The certificate of __host__ was not accepted: __reason__. Check the base URL, or choose a TLS configuration that accepts it.",
    certificate_date:
      "The certificate of __host__ is not valid on __date__ (__reason__). Check the clock of this machine. If it is right, the server needs a new certificate.",
    tls_missing: "__host__ does not speak https at this port. Use http:// in the base URL, or the port for https.",
    tls_expected: "__host__ speaks https at this port. Use https:// in the base URL.",
    tls_failed:
      "No secure connection to __host__ could be agreed on: __reason__. Check the TLS configuration, and which TLS versions the server allows.",
    http2_only:
      "__host__ speaks only HTTP/2, which the node does not. Turn on HTTP/1.1 in the server, or put a reverse proxy in front of it.",
    proxy_unreachable:
      "The proxy __proxy__ cannot be reached: __reason__. Check that it runs, and its address in the proxy node or in the environment (http_proxy, https_proxy).",
    proxy_failed:
      "The proxy __proxy__ could not reach __host__ (__reason__). Check that the server runs, and the base URL.",
    proxy_unfit:
      "The proxy __proxy__ does not pass on connections to __host__ (__reason__). Check its address, and which servers and ports it allows.",
    proxy_refused:
      "The proxy __proxy__ did not let the request through: __reason__. Check its address, user name and password.",
    reply_error: "The server reported an error: __message__ Try again later.",
    reply_senseless:
      "The answer of __host__ is no chat completion: __reason__ Check that the base URL is that of a chat-completions API.",
    reply_incomplete: "The reply from __host__ stopped short. Try again; what had come is in msg.completion.",
    reply_damaged:
      "The reply from __host__ is damaged and could not be read to its end: __reason__ Try again; what had come is in msg.completion.",
    reply_too_long: "The reply is longer than __megabytes__ MB. Set a limit with max. tokens.",
    encoding_unknown:
      "__host__ compressed its reply in a way that cannot be read here (__encoding__). Turn compression off in the server or gateway.",
    node_too_old:
      "Node.js __needed__ or newer is needed, and this is __version__. Update Node.js and restart Node-RED.",
    webassembly_missing:
      "Node.js runs without WebAssembly, which connections need. Start Node-RED without the option --jitless.",
    undici_unfit:
      "The package undici __undici__ is installed, which needs Node.js __needed__; this is __version__. Run npm install @hf-flows/node-red-huggingface in Node-RED's user directory and restart Node-RED.",
    module_failed:
      "A part of the node could not be loaded (__module__): __reason__. Try again. If that does not help, install the package again and restart Node-RED.",
    models_unavailable: "__host__ gives no list of models: __reason__. Enter the name of the model by hand.",
    context_unreadable:
      "The field __name__ (__property__) could not be read from the context store: __reason__. Nothing was asked. Check the store in Node-RED's settings file.",
    output_failed:
      "The reply could not be put into __property__: __reason__. The reply is in msg.completion; choose another place in the node.",
    memory_unreadable:
      "The conversation could not be read from the context store __store__: __reason__. Nothing was asked. Check the store in Node-RED's settings file.",
    memory_unwritable:
      "The conversation could not be written to the context store __store__: __reason__. What had come of the reply is in msg.completion. Check the store in Node-RED's settings file.",
    internal: "Something went wrong inside the node: __reason__. Please report it.",
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
  cancelled: {
    cancelled: "The question was cancelled.",
  },
} as const satisfies Record<ErrorCode, Record<string, string>>;
