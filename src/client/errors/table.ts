/** What a flow or a script can switch on. `cancelled` stays inside of the nodes: an abort is not an error for a flow. */
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
 * The errors of a layer: under each code the keys, and for each key an English sentence with `__name__` for parameters.
 *
 * A table stands in the layer that throws its errors and is loaded with it. So an error needs no file when it happens:
 * the reason may be that no file can be opened.
 */
export type ErrorTable = { readonly [C in ErrorCode]?: Readonly<Record<string, string>> };

/**
 * The keys of a table.
 *
 * @internal
 */
export type KeyOf<Table extends ErrorTable> = {
  [C in keyof Table]: Extract<keyof Table[C], string>;
}[keyof Table];

/**
 * The errors of the client.
 *
 * @internal
 */
export const CLIENT_ERRORS = {
  invalid_input: {
    request_unsendable:
      "Message cannot be sent: it cannot be written as JSON (__reason__). Look for circular references in it.",
    base_url_invalid:
      'Base URL not valid: "__url__" is not an address. Enter one that begins with http:// or https://.',
    base_url_socket:
      'Base URL is a unix socket ("__url__"), which cannot be used. Let the server listen on a port and enter its address.',
    base_url_credentials:
      "Password in the base URL: it holds a user name or password. Remove them, and use the token or a header instead.",
    token_invalid: "Token not valid: it holds characters that cannot be sent. Paste it again.",
    header_invalid:
      "Header not valid: __name__ has a name or value that cannot be sent. Correct it in the configuration.",
    header_reserved: "Header not allowed: the connection itself sets __name__. Remove it from the configuration.",
    proxy_invalid: "Proxy address not valid: __url__ cannot be used. Correct it.",
    refused: "Request rejected (__status__): __message__",
    too_large:
      "Question too large (__status__): __message__ Shorten the conversation, or send fewer or smaller images.",
  },
  auth_error: {
    token_missing: "Token missing (__status__): __message__ Enter one in the configuration.",
    token_refused: "Token refused (__status__): __message__ Enter a valid token in the configuration.",
    forbidden:
      'Access denied (__status__): __message__ Give the token the permission "Make calls to Inference Providers", or ask for access to the model.',
    forbidden_elsewhere:
      "Access denied (__status__): __message__ Check at __host__ what the token may do, and whether it may use this model.",
  },
  rate_limit: {
    queue_full:
      "Queue full: __count__ questions are waiting. Send them more slowly, or allow more in the configuration.",
    rate_limited: "Rate limit (__status__): __message__ Send questions more slowly, or try again later.",
    rate_limited_until: "Rate limit (__status__): __message__ Try again in __seconds__ s.",
  },
  budget_exhausted: {
    credits_used_up: "Credits used up (__status__): __message__ Buy credits, or use another token.",
    quota_used_up: "Quota used up (__status__): __message__ Raise it at the provider, or use another token.",
  },
  not_found: {
    model_not_found: "Model not available (__status__): __message__ Check the model ID __model__ and its provider.",
    path_not_found: "Nothing at this address (__status__): __message__ Check the base URL (__host__) and the model ID.",
    gone: "Address retired (__status__): __message__ Use the base URL https://router.huggingface.co/v1.",
  },
  timeout: {
    server_timeout: "Server too slow (__status__): __message__ Try again, or use another provider.",
    server_timeout_until: "Server too slow (__status__): __message__ Try again in __seconds__ s.",
    silent: "No reply within __seconds__ s from __host__. Try again, or set a longer Timeout in the configuration.",
    silent_at_home:
      "No reply within __seconds__ s from __host__. It may still be loading its model, or reading the prompt. Set a longer Timeout in the configuration.",
    silent_midway:
      "Reply stalled: nothing came from __host__ for __seconds__ s. Try again, or set a longer Timeout in the configuration.",
  },
  provider_unavailable: {
    server_failed: "Server error (__status__): __message__ Try again later, or use another provider.",
    server_busy:
      "Server not ready (__status__): __message__ Try again later. An endpoint that sleeps needs a wake-up time in the configuration.",
    server_busy_until: "Server not ready (__status__): __message__ Try again in __seconds__ s.",
    not_supported: "Not supported (__status__): __message__ Use another model or server.",
    tools_unsupported:
      "No tools here (__status__): __message__ Turn tools on where the server is started, or use another model.",
    images_unsupported:
      "No images here (__status__): __message__ Use a model that takes images, or load this one with its image part.",
    sound_unsupported:
      "No sound here (__status__): __message__ Use a model that takes sound, or load this one with its audio part.",
    template_refused:
      "Chat template error (__status__): __message__ Change the messages or the system prompt, or use another template or model.",
    redirected:
      "Redirected (__status__) to __location__. Enter the new address as base URL; the token is never sent on.",
    unexpected_status: "Unexpected status __status__: __message__ Check the base URL.",
    host_unknown: "Host not found: __host__ (__reason__). Check the base URL and the network.",
    connection_refused: "Nothing answers at __host__ (__reason__). Check that the server runs, and the base URL.",
    connection_failed: "Connection failed to __host__: __reason__. Check the base URL and the network.",
    connection_closed:
      "Connection closed by __host__ before an answer came. Try again. If that does not help, check http or https and the port in the base URL.",
    connection_timeout: "No connection in time to __host__. Check the base URL and the network.",
    connection_cut: "Connection lost: __host__ closed it during the reply. Try again; the error holds what had come.",
    files_exhausted:
      "Too many open files: this process cannot open a connection to __host__ (__reason__). Close some files or connections, or raise the limit for open files.",
    connection_lost: "Connection lost: __reason__, during the reply from __host__. Try again.",
    certificate:
      "Certificate not accepted: that of __host__ (__reason__). Check the base URL, or choose a TLS configuration that accepts it.",
    certificate_date:
      "Certificate not valid on __date__: that of __host__ (__reason__). Check the clock of this machine. If it is right, the server needs a new certificate.",
    tls_missing: "No https at this port of __host__. Use http:// in the base URL, or the port for https.",
    tls_expected: "Only https at this port of __host__. Use https:// in the base URL.",
    tls_failed:
      "No secure connection to __host__: __reason__. Check the TLS configuration, and which TLS versions the server allows.",
    http2_only:
      "Only HTTP/2 at __host__, which this client does not speak. Turn on HTTP/1.1 in the server, or put a reverse proxy in front of it.",
    proxy_unreachable: "Proxy not reachable: __proxy__ (__reason__). Check that it runs, and its address.",
    proxy_failed:
      "Proxy cannot reach the server: __proxy__ found no way to __host__ (__reason__). Check that the server runs, and the base URL.",
    proxy_unfit:
      "Proxy does not fit: __proxy__ does not pass on connections to __host__ (__reason__). Check its address, and which servers and ports it allows.",
    proxy_refused:
      "Proxy refused the request: __proxy__ did not let it through (__reason__). Check its address, user name and password.",
    reply_error: "Error in the reply: __message__ Try again later.",
    reply_senseless:
      "Not a chat completion from __host__: __reason__ Check that the base URL is that of a chat-completions API.",
    reply_web_page:
      'Web page instead of a reply: "__title__" from __host__. Check the base URL: it may lack /v1, or a login page or a proxy may answer.',
    reply_without_calls:
      "Tool calls missing: the reply from __host__ announces them and holds none. Try again, or use another model.",
    reply_incomplete: "Reply incomplete: __host__ ended it early. Try again; the error holds what had come.",
    reply_damaged:
      "Reply damaged: that of __host__ could not be read to its end: __reason__ Try again; the error holds what had come.",
    reply_too_long: "Reply too long: more than __megabytes__ MB. Set a limit with max. tokens.",
    encoding_unknown:
      "Unknown compression (__encoding__) in the reply of __host__. Turn compression off in the server or gateway.",
    answer_too_long: "Answer too long: more than __megabytes__ MB. Ask the server for less.",
    answer_too_deep: "Answer not used: it is nested deeper than __levels__ levels.",
    node_too_old: "Node.js __needed__ or newer is needed, and this is __version__. Update Node.js.",
    webassembly_missing:
      "Node.js runs without WebAssembly, which connections need. Start it without the option --jitless.",
    undici_unfit:
      "The package undici __undici__ is installed, which needs Node.js __needed__; this is __version__. Install @hf-flows/node-red-huggingface again.",
    module_failed:
      "Package incomplete: __module__ could not be loaded (__reason__). Try again. If that does not help, install the package again.",
    models_unavailable: "__host__ gives no list of models: __reason__. Enter the name of the model by hand.",
    internal: "Internal error: __reason__. Please report it.",
  },
  cancelled: {
    cancelled: "The question was cancelled.",
  },
} as const satisfies ErrorTable;
