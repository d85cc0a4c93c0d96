import { createHash } from "node:crypto";
import type { Node, NodeAPI } from "node-red";
import { asRecord, FINISH_MEANINGS, type LimitUse, toJson } from "../client/internal";
import type { MessageOptions } from "../conversation/request/build";
import type { Outcome } from "../conversation/run/run-question";
import { type ChatDef, typedInput } from "./chat-options";
import type { ChatMessage } from "./message-reply";
import type { Notices } from "./notices";
import { contextStores, isWired, type Translate } from "./red";
import type { RunStatus } from "./status-line";
import { label } from "./typed-input";

/** The output for Stream messages. */
const STREAM = 1;
/** The output for Tool calls messages. */
const CALLS = 2;
/** A key of conversations that was meant as the name of a property, or as a template. */
const LITERAL = /^\s*(msg\.|flow\.|global\.|\{\{)/;

/** Finds what an author would call a failure in questions that end well. */
export class Judge {
  readonly #RED: NodeAPI;
  readonly #node: Node;
  readonly #def: ChatDef;
  readonly #notices: Notices;
  readonly #translate: Translate;
  readonly #sent = new SentReplies();

  constructor(RED: NodeAPI, node: Node, def: ChatDef, notices: Notices, translate: Translate) {
    this.#RED = RED;
    this.#node = node;
    this.#def = def;
    this.#notices = notices;
    this.#translate = translate;
  }

  /** @param key - of the conversation; undefined for none */
  key(key: string | undefined, options: MessageOptions, status: RunStatus): void {
    const { value, type } = typedInput(this.#def, "conversation");
    const field = this.#translate("label.conversation");
    if (options.conversation === undefined) {
      if (key === undefined) this.#notices.raise(status, "key_blank", { field, property: label(value, type) });
      else if (type === "str" && LITERAL.test(key)) this.#notices.raise(status, "key_literal", { field, value: key });
    }
    const store = String(this.#def.store ?? "");
    if (key === undefined || store === "" || store === "default") return;
    // Node-RED itself takes the default store in the place of one that it does not know.
    const stores = contextStores(this.#RED);
    if (!stores.includes(store)) this.#notices.raise(status, "store_missing", { store, stores: stores.join(", ") });
  }

  prompt({ completion }: ChatMessage, prompt: unknown, status: RunStatus): void {
    if (this.#sent.has(completion, prompt)) this.#notices.raise(status, "loop");
  }

  /** @returns whether the wanted stream has somewhere to go */
  stream(status: RunStatus): boolean {
    const isSeen = isWired(this.#node, STREAM);
    if (!isSeen) this.#notices.raise(status, "stream_unwired");
    return isSeen;
  }

  /** @param missing - ids of picked tools that are missing or disabled */
  tools(isAnyFound: boolean, missing: readonly string[], status: RunStatus): void {
    if (isAnyFound) for (const id of missing) this.#notices.warnOnce("warning.tool_missing", { id }, id);
    else if (missing.length > 0) this.#notices.raise(status, "tools_disabled", { ids: missing.join(", ") });
  }

  /** @param name - of a tool whose flow has not answered in time */
  noReturn(name: string, seconds: number, status: RunStatus): void {
    this.#notices.raise(status, "no_return", { name, seconds, field: this.#translate("label.toolTimeout") }, name);
  }

  /** @param server - whose cure the warning names */
  promptCut(server: string, params: { model: string; counted: number; estimated: number }, status: RunStatus): void {
    const cure = this.#translate(`prompt_cut.${server}`);
    this.#notices.raise(status, "prompt_cut", { ...params, cure }, params.model);
  }

  /** @param limit - of which most is used */
  limitNear({ amount, unit, per, used, resets_at }: LimitUse, status: RunStatus): void {
    const percent = Math.floor((100 * used) / Math.max(amount, Number.MIN_VALUE));
    const params = { percent: Math.min(percent, 100), amount, unit: this.#translate(`limit_unit.${unit}`) };
    // Those of a day or a month are worth a warning each time; those of a minute would fill the sidebar.
    const window = per === "day" || per === "month" ? resets_at : "";
    this.#notices.raise(status, "limit_near", params, `${unit} ${per} ${window}`);
  }

  outcome({ calls, completion: { id, finish_reason: reason }, reply }: Outcome, status: RunStatus): void {
    if (calls.length === 0) this.#sent.add(id, reply);
    else if (!isWired(this.#node, CALLS)) this.#notices.raise(status, "calls_unwired");
    if (reason !== undefined && FINISH_MEANINGS.get(reason) === "cut") {
      this.#notices.raise(status, "cut_off", { reason, field: this.#translate("label.maxTokens") });
    }
  }
}

/** Replies of a node that are remembered: in a loop the next question is one of the last replies. */
const MOST_REPLIES = 100;

/** Knows the last replies of a node, by id and text: one that comes back as a prompt is a loop. */
export class SentReplies {
  readonly #sent = new Set<string>();

  add(id: string | undefined, reply: unknown): void {
    if (id === undefined) return;
    this.#sent.add(digestOf(id, reply));
    for (const oldest of this.#sent) {
      if (this.#sent.size <= MOST_REPLIES) break;
      this.#sent.delete(oldest);
    }
  }

  /**
   * True if a prompt is a reply that was sent.
   *
   * @param completion - `msg.completion` of the message that brings the prompt
   */
  has(completion: unknown, prompt: unknown): boolean {
    const id = asRecord(completion)?.["id"];
    return this.#sent.size > 0 && typeof id === "string" && this.#sent.has(digestOf(id, prompt));
  }
}

/** A hash, since a hundred replies may be long. The id alone does not do: some servers give all replies the same. */
function digestOf(id: string, reply: unknown): string {
  const text = typeof reply === "string" ? reply : toJson(reply);
  return createHash("sha256").update(`${id}\n${text}`).digest("base64");
}
