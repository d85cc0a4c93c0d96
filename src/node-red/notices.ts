import type { Node } from "node-red";
import type { Translate } from "./red";
import type { RunStatus } from "./status-line";

/**
 * What an author would call a failure although the question ends well, the gravest first: the short reason for the status,
 * and the warning, which is given once a deploy.
 */
export const NOTICES = {
  loop: {
    status: "loop: the reply comes back",
    warning:
      "Loop: a reply came back to this node as its next prompt. Remove the wire that leads from output 1 to the node's own input. To continue a conversation, send msg.messages with a new user message.",
  },
  no_return: {
    status: "no return from __name__",
    warning:
      'No return from tool __name__ within __seconds__ s; the model was told that it timed out. End its flow in a link out node in the mode "Return to calling link node". Pass on the message that the flow got, not a new one. If the flow only needs longer, raise "__field__".',
  },
  approval_missing: {
    status: "nobody to ask: __name__",
    warning:
      'Nobody to ask: __name__ must be allowed before it runs, so it was refused. Choose the flow that asks under "__field__" on the tab Tools, or change what is asked first there.',
  },
  approval_late: {
    status: "not allowed in time: __name__",
    warning:
      'No answer within __seconds__ s whether __name__ may run, so it was refused. The flow that asks must keep its message, and set msg.payload to true or false. End it in a link out node in the mode "Return to calling link node". If a person only needs longer, raise "__field__".',
  },
  tools_disabled: {
    status: "no tools available",
    warning:
      "No tools available: every picked tool node is missing or disabled (__ids__). Enable them, or pick others on the tab Tools.",
  },
  mcp_failed: {
    status: "MCP server failed: __server__",
    warning: "MCP server __server__ failed: __reason__ The question went on without it. Test it in its configuration.",
  },
  mcp_missing: {
    status: "MCP server missing",
    warning:
      "MCP server __id__ is missing or disabled, so its tools were not offered. Enable it, or choose another one on the tab Tools.",
  },
  mcp_too_many: {
    status: "__offered__ of __count__ tools offered",
    warning:
      "Too many tools: __count__ are chosen, and a question takes at most __most__. The last ones were not offered. Choose single tools of the MCP servers on the tab Tools.",
  },
  calls_unwired: {
    status: "tool calls: output 3 not wired",
    warning:
      "Output 3 is not wired, and the tool calls of the model leave there. Wire it to a flow that answers them, or pick tool nodes on the tab Tools.",
  },
  stream_unwired: {
    status: "stream: output 2 not wired",
    warning:
      "Output 2 is not wired, and streaming is on. Wire it to what shows the text, or turn streaming off in the node.",
  },
  store_missing: {
    status: "no store __store__",
    warning:
      'No context store "__store__": conversations are kept in the default store. Add it to contextStorage in Node-RED\'s settings file, or choose one of: __stores__.',
  },
  key_blank: {
    status: "no conversation key",
    warning:
      'No conversation key: "__field__" (__property__) was blank in the message, so the question was asked without memory. Set it in the flow before this node, or choose another property.',
  },
  key_literal: {
    status: "one conversation for all",
    warning:
      'One conversation for all messages: "__field__" is the text "__value__", not the value of a property. Choose the type msg, flow, global or J: expression in front of the field.',
  },
  limit_near: {
    status: "__percent__ % of __amount__ __unit__",
    warning:
      "Limit almost reached: __percent__ % of __amount__ __unit__. At the limit, questions fail with budget_exhausted. Raise it in the configuration, or send fewer questions.",
  },
  prompt_cut: {
    status: "prompt cut",
    warning:
      "Prompt cut: __model__ read about __counted__ of __estimated__ tokens. The server drops what does not fit into its context window. __cure__",
  },
  otherwise: {
    status: "__to__ in place of __from__",
    warning: "__to__ was asked in place of __from__, which could not answer. __message__",
  },
  cut_off: {
    status: "reply cut off (__reason__)",
    warning:
      'Reply cut off (__reason__): it reached the limit of tokens. Raise "__field__" or leave it blank, or ask for a shorter reply.',
  },
} as const satisfies Record<string, { status: string; warning: string }>;

export type Notice = keyof typeof NOTICES;
const GRAVEST_FIRST = Object.keys(NOTICES) as Notice[];

/** Where a notice is shown. */
export type Noticed = Pick<RunStatus, "notice">;

/** Shows the failures of questions that end well, and warns of them and of other things, once a deploy. */
export class Notices {
  readonly #node: Node;
  readonly #translate: Translate;
  readonly #warned = new Set<string>();

  constructor(node: Node, translate: Translate) {
    this.#node = node;
    this.#translate = translate;
  }

  /** @param what - there is one warning for each of these */
  raise(status: Noticed, notice: Notice, params: Record<string, string | number> = {}, what = ""): void {
    const gravity = GRAVEST_FIRST.length - GRAVEST_FIRST.indexOf(notice);
    status.notice(this.#translate(`notice.${notice}.status`, params), gravity, notice === "loop");
    this.warnOnce(`notice.${notice}.warning`, params, what);
  }

  /** @param what - there is one warning for each of these */
  warnOnce(key: string, params: Record<string, string | number>, what = ""): void {
    const warning = `${key} ${what}`;
    if (this.#warned.has(warning)) return;
    this.#warned.add(warning);
    this.#node.warn(this.#translate(key, params));
  }
}
