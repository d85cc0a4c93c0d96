import { defineErrors, type ErrorTable, reword } from "../client/internal";
import { ChatError as ConversationError } from "../conversation/errors";

/** The errors of the Node-RED layer. */
export const NODE_RED_ERRORS = {
  invalid_input: {
    config_missing:
      "No configuration is chosen, or it is disabled. Choose a Hugging Face configuration in the node and deploy.",
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
    tls_invalid: "The TLS configuration is missing or has a mistake. Correct it, or choose another one.",
    secret_withheld:
      "The value of __name__ comes from the environment, and is used only at the address that was deployed. Deploy first, or enter the value itself.",
  },
  provider_unavailable: {
    context_unreadable:
      "The field __name__ (__property__) could not be read from the context store: __reason__. Nothing was asked. Check the store in Node-RED's settings file.",
    output_failed:
      "The reply could not be put into __property__: __reason__. The reply is in msg.completion; choose another place in the node.",
    memory_unreadable:
      "The conversation could not be read from the context store __store__: __reason__. Nothing was asked. Check the store in Node-RED's settings file.",
    memory_unwritable:
      "The conversation could not be written to the context store __store__: __reason__. What had come of the reply is in msg.completion. Check the store in Node-RED's settings file.",
  },
} as const satisfies ErrorTable;

/** Errors of the client in the words of Node-RED: what a script is told differs from what helps in an editor. */
export const REWORDED = {
  request_unsendable:
    "The question cannot be written as JSON: __reason__. Look for circular references in msg.huggingface and the messages.",
  proxy_invalid: "The proxy __url__ cannot be used. Correct its address in the proxy node or in the environment.",
  connection_cut:
    "The connection to __host__ was lost: it was closed while the reply came. Try again; what had come is in msg.completion.",
  files_exhausted:
    "No connection to __host__: Node-RED has too many files and connections open (__reason__). Close some, or raise the limit for open files.",
  http2_only:
    "__host__ speaks only HTTP/2, which the node does not. Turn on HTTP/1.1 in the server, or put a reverse proxy in front of it.",
  proxy_unreachable:
    "The proxy __proxy__ cannot be reached: __reason__. Check that it runs, and its address in the proxy node or in the environment (http_proxy, https_proxy).",
  reply_incomplete: "The reply from __host__ stopped short. Try again; what had come is in msg.completion.",
  reply_damaged:
    "The reply from __host__ is damaged and could not be read to its end: __reason__ Try again; what had come is in msg.completion.",
  node_too_old: "Node.js __needed__ or newer is needed, and this is __version__. Update Node.js and restart Node-RED.",
  webassembly_missing:
    "Node.js runs without WebAssembly, which connections need. Start Node-RED without the option --jitless.",
  undici_unfit:
    "The package undici __undici__ is installed, which needs Node.js __needed__; this is __version__. Run npm install @hf-flows/node-red-huggingface in Node-RED's user directory and restart Node-RED.",
  module_failed:
    "A part of the node could not be loaded (__module__): __reason__. Try again. If that does not help, install the package again and restart Node-RED.",
  internal: "Something went wrong inside the node: __reason__. Please report it.",
} as const;
reword(REWORDED);

/** The one class of errors, with the keys of all layers. */
export const ChatError = defineErrors(ConversationError, NODE_RED_ERRORS);
export type ChatError = ConversationError;
