import { defineErrors, type ErrorTable, type KeyOf, reword } from "../client/internal";
import { ChatError as ConversationError } from "../conversation/errors";

/** The errors of the Node-RED layer. */
export const NODE_RED_ERRORS = {
  invalid_input: {
    config_missing:
      "No configuration chosen, or it is disabled. Choose a Hugging Face configuration in the node and deploy.",
    control_invalid:
      'Neither true nor false: __name__. Set it to true to control the node (msg.abort also to "forget"), or delete it to ask a question.',
    property_failed: "Cannot read __property__ (field __name__): __reason__",
    property_promise:
      "Promise in __property__ (field __name__), not a value. Wait for it in a function node, and pass on what comes of it.",
    template_failed: "Mistake in the template of the field __name__: __reason__",
    output_path:
      "No place for the reply: __property__ is not a path, or a value along it is not an object. The reply is in msg.completion. Choose another place in the node.",
    message_locked:
      "Message is read-only: msg.__name__ cannot be set, so there is no place for the reply. Nothing was asked. Send a copy of the message, for example with return { ...msg } in a function node.",
    output_unusable:
      "No place for the reply: __property__ is not a path, or a value along it cannot be written to. Nothing was asked. Choose another place in the node.",
    tls_invalid: "TLS configuration not valid: it is missing or has a mistake. Correct it, or choose another one.",
    secret_withheld:
      "Deploy first: the value of __name__ comes from the environment, and is used only at the address that was deployed. Or enter the value itself.",
    other_withheld: "Deploy first: what the question holds goes only to a server that was deployed.",
    mcp_url_invalid:
      'Server URL not valid: "__url__" is not the address of an MCP server. Enter one that begins with https:// or http://.',
    mcp_url_credentials:
      "Password in the Server URL: it holds a user name or password. Remove them, and use the token or a header instead.",
  },
  auth_error: {
    mcp_login: "Token missing (__status__): the MCP server __host__ wants one. Enter it in the MCP server's node.",
    mcp_token_refused:
      "Token refused (__status__) by the MCP server __host__: __message__ Enter a valid token in the MCP server's node.",
    mcp_forbidden:
      "Access denied (__status__) by the MCP server __host__: __message__ Check there what the token may do.",
  },
  rate_limit: {
    mcp_rate_limited: "Rate limit (__status__) of the MCP server __host__: __message__ Try again later.",
  },
  not_found: {
    mcp_not_found: "No MCP server at this address (__status__): __host__ said: __message__ Check the Server URL.",
  },
  timeout: {
    mcp_silent:
      "No answer within __seconds__ s from the MCP server __host__. Try again, or set a longer Timeout in its node.",
  },
  tool_failed: {
    mcp_interrupted:
      "Call interrupted: the connection to the MCP server __host__ broke. The tool may have run, so the call was not repeated.",
  },
  provider_unavailable: {
    mcp_unreachable:
      "MCP server not reached: __host__ (__reason__). Check that it runs, its Server URL, and the network.",
    mcp_status: "MCP server error (__status__) of __host__: __message__ Try again later, or check the Server URL.",
    mcp_redirected:
      "Redirected (__status__) to __location__. Enter the new address as Server URL; the token is never sent on.",
    mcp_refused: "MCP server refused the request: __host__ said: __message__",
    mcp_endless: "List of tools does not end: __host__ has sent __pages__ pages. Let the MCP server list fewer tools.",
    mcp_senseless: "Not an MCP server at __host__: __message__ Check the Server URL: it often ends in /mcp.",
    context_unreadable:
      "Context store failed: __property__ (field __name__) could not be read: __reason__. Nothing was asked. Check the store in Node-RED's settings file.",
    output_failed:
      "Context store failed: the reply could not be put into __property__: __reason__. The reply is in msg.completion. Choose another place in the node.",
    memory_unreadable:
      "Context store failed: the conversation could not be read from __store__: __reason__. Nothing was asked. Check the store in Node-RED's settings file.",
    memory_unwritable:
      "Context store failed: the conversation could not be written to __store__: __reason__. What had come of the reply is in msg.completion. Check the store in Node-RED's settings file.",
  },
} as const satisfies ErrorTable;

/** The same errors in a few words: see `CLIENT_SUMMARIES`. */
export const NODE_RED_SUMMARIES: { readonly [K in KeyOf<typeof NODE_RED_ERRORS>]: string } = {
  config_missing: "no configuration",
  control_invalid: "not true or false: __name__",
  property_failed: "cannot be read: __property__",
  property_promise: "promise in __property__",
  template_failed: "mistake in the template",
  output_path: "no place for the reply",
  message_locked: "message is read-only",
  output_unusable: "no place for the reply",
  tls_invalid: "TLS configuration not valid",
  secret_withheld: "deploy first",
  other_withheld: "deploy first",
  mcp_url_invalid: "server URL not valid",
  mcp_url_credentials: "password in the server URL",
  mcp_login: "token missing (__status__)",
  mcp_token_refused: "token refused (__status__)",
  mcp_forbidden: "access denied (__status__)",
  mcp_rate_limited: "rate limit (__status__)",
  mcp_not_found: "no MCP server there (__status__)",
  mcp_silent: "no answer within __seconds__ s",
  mcp_interrupted: "call interrupted",
  mcp_unreachable: "no way to the MCP server",
  mcp_status: "error of the server (__status__)",
  mcp_redirected: "redirected (__status__)",
  mcp_refused: "refused by the MCP server",
  mcp_endless: "list of tools does not end",
  mcp_senseless: "not an MCP server",
  context_unreadable: "context store failed",
  output_failed: "context store failed",
  memory_unreadable: "context store failed",
  memory_unwritable: "context store failed",
};

/** Errors of the client in the words of Node-RED: what a script is told differs from what helps in an editor. */
export const REWORDED = {
  reply_too_long: "Reply too long: more than __megabytes__ MB. Set a limit with Max. tokens.",
  request_unsendable:
    "Message cannot be sent: it cannot be written as JSON (__reason__). Look for circular references in msg.huggingface and the messages.",
  proxy_invalid: "Proxy address not valid: __url__ cannot be used. Correct it in the proxy node or in the environment.",
  connection_cut:
    "Connection lost: __host__ closed it during the reply. Try again; what had come is in msg.completion.",
  files_exhausted:
    "Too many open files: Node-RED cannot open a connection to __host__ (__reason__). Close some files or connections, or raise the limit for open files.",
  http2_only:
    "Only HTTP/2 at __host__, which the node does not speak. Turn on HTTP/1.1 in the server, or put a reverse proxy in front of it.",
  proxy_unreachable:
    "Proxy not reachable: __proxy__ (__reason__). Check that it runs, and its address in the proxy node or in the environment (http_proxy, https_proxy).",
  reply_incomplete: "Reply incomplete: __host__ ended it early. Try again; what had come is in msg.completion.",
  reply_damaged:
    "Reply damaged: that of __host__ could not be read to its end: __reason__ Try again; what had come is in msg.completion.",
  node_too_old: "Node.js __needed__ or newer is needed, and this is __version__. Update Node.js and restart Node-RED.",
  webassembly_missing:
    "Node.js runs without WebAssembly, which connections need. Start Node-RED without the option --jitless.",
  undici_unfit:
    "The package undici __undici__ is installed, which needs Node.js __needed__; this is __version__. Run npm install @hf-flows/node-red-huggingface in Node-RED's user directory and restart Node-RED.",
  module_failed:
    "Package incomplete: __module__ could not be loaded (__reason__). Try again. If that does not help, install the package again and restart Node-RED.",
} as const;
reword(REWORDED);

/** The one class of errors, with the keys of all layers. */
export const ChatError = defineErrors(ConversationError, NODE_RED_ERRORS, NODE_RED_SUMMARIES);
export type ChatError = ConversationError;
