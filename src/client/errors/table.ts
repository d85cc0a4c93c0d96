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
    request_unsendable: "The question cannot be written as JSON: __reason__. Look for circular references in it.",
    base_url_invalid: 'The base URL "__url__" is not an address. Enter one that begins with http:// or https://.',
    base_url_socket:
      'The base URL "__url__" names a unix socket, which cannot be used. Let the server listen on a port and enter its address.',
    base_url_credentials:
      "The base URL holds a user name or password. Take them out: use the token or a header instead.",
    token_invalid: "The token holds characters that cannot be sent. Paste it again.",
    header_invalid: "The header __name__ has a name or value that cannot be sent. Correct it in the configuration.",
    header_reserved: "The header __name__ is set by the connection itself. Take it out of the configuration.",
    proxy_invalid: "The proxy __url__ cannot be used. Correct its address.",
    refused: "The server refused the request (__status__): __message__ Correct what it names.",
    too_large:
      "The question is too large for the server (__status__): __message__ Shorten the conversation, or use fewer or smaller images.",
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
      "The connection to __host__ was lost: it was closed while the reply came. Try again; the error holds what had come.",
    files_exhausted:
      "No connection to __host__: this process has too many files and connections open (__reason__). Close some, or raise the limit for open files.",
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
      "__host__ speaks only HTTP/2, which this client does not. Turn on HTTP/1.1 in the server, or put a reverse proxy in front of it.",
    proxy_unreachable: "The proxy __proxy__ cannot be reached: __reason__. Check that it runs, and its address.",
    proxy_failed:
      "The proxy __proxy__ could not reach __host__ (__reason__). Check that the server runs, and the base URL.",
    proxy_unfit:
      "The proxy __proxy__ does not pass on connections to __host__ (__reason__). Check its address, and which servers and ports it allows.",
    proxy_refused:
      "The proxy __proxy__ did not let the request through: __reason__. Check its address, user name and password.",
    reply_error: "The server reported an error: __message__ Try again later.",
    reply_senseless:
      "The answer of __host__ is no chat completion: __reason__ Check that the base URL is that of a chat-completions API.",
    reply_incomplete: "The reply from __host__ stopped short. Try again; the error holds what had come.",
    reply_damaged:
      "The reply from __host__ is damaged and could not be read to its end: __reason__ Try again; the error holds what had come.",
    reply_too_long: "The reply is longer than __megabytes__ MB. Set a limit with max. tokens.",
    encoding_unknown:
      "__host__ compressed its reply in a way that cannot be read here (__encoding__). Turn compression off in the server or gateway.",
    node_too_old: "Node.js __needed__ or newer is needed, and this is __version__. Update Node.js.",
    webassembly_missing:
      "Node.js runs without WebAssembly, which connections need. Start it without the option --jitless.",
    undici_unfit:
      "The package undici __undici__ is installed, which needs Node.js __needed__; this is __version__. Install @hf-flows/node-red-huggingface again.",
    module_failed:
      "A part of the client could not be loaded (__module__): __reason__. Try again. If that does not help, install the package again.",
    models_unavailable: "__host__ gives no list of models: __reason__. Enter the name of the model by hand.",
    internal: "Something went wrong inside the client: __reason__. Please report it.",
  },
  cancelled: {
    cancelled: "The question was cancelled.",
  },
} as const satisfies ErrorTable;
