import { asRecord, asText } from "../../client/internal";
import { readBoolean } from "../../conversation/request/fields";
import { type CallReport, type Declaration, declare, readParameters, type Tool } from "../../conversation/tools";
import type { TryCall, TryForm } from "../../shared/admin-api";
import { type ChatDef, heldProperties, readField } from "../chat-options";
import { flowToolsOf } from "../flow-tools";
import { mcpToolsOf } from "../mcp/lazy";
import type { ChatMessage } from "../message-reply";
import { Notices } from "../notices";
import { makeTranslate } from "../red";
import { findTools } from "../tool-registry";
import type { Unchecked } from "./form-client";
import { type FormNodeOptions, formNode, runningChat } from "./form-node";

/** The functions of a question of the form. */
export interface TryTools {
  /** Those whose calls are carried out. */
  own: Tool[];
  /** All that tool nodes and MCP servers have, in the order of a question. */
  declarations: Declaration[];
}

/** Nothing is shown on the node. */
const NO_STATUS = { notice: () => {} };

/**
 * Reads the tools of a question: tool nodes as their forms have them, and those of MCP servers, which are asked for their
 * lists. If the box says so, they are run: the flows by the chat node that is deployed, where the way back leads, and by
 * the servers that are deployed.
 *
 * @throws ChatError `invalid_input` for a tool that cannot be offered, `cancelled`
 */
export async function readTryTools(
  around: FormNodeOptions,
  def: ChatDef,
  { tools, runTools }: Pick<Unchecked<TryForm>, "tools" | "runTools">,
  msg: ChatMessage,
  signal: AbortSignal,
): Promise<TryTools> {
  const flows = runTools === true ? runnableTools(around, def, tools, msg) : [];
  const shown = declaredTools(tools).filter(({ function: { name } }) => !flows.some((tool) => tool.name === name));
  const servers = await serverTools(around, def, shown, flows, msg, signal);
  return {
    own: runTools === true ? [...flows, ...servers] : [],
    declarations: [...flows.map(declare), ...shown, ...servers.map(declare)],
  };
}

/** Describes a call that was carried out. */
export function ranCall(call: CallReport): TryCall {
  const { name, arguments: given, ms } = call;
  return { name, arguments: given, ms, ...("error" in call ? { error: call.error } : { result: call.result }) };
}

/** Returns the picked tools that are deployed, with what runs their flows. */
function runnableTools({ RED, nodes, place }: FormNodeOptions, def: ChatDef, tools: unknown, msg: ChatMessage): Tool[] {
  const chat = runningChat(RED, nodes, place.id);
  const flows = chat && flowToolsOf(chat);
  if (!chat || !flows || !Array.isArray(tools)) return [];
  const ids = tools.map((tool) => asRecord(tool)?.["id"] ?? "");
  const { found } = findTools(RED, chat, ids);
  return flows.tools(found, msg, heldProperties(def), readField.number(def, "toolTimeout") * 1000, () => {});
}

/** Returns the tools of MCP servers. They are offered only where the question goes as it was deployed. */
async function serverTools(
  around: FormNodeOptions,
  def: ChatDef,
  shown: Declaration[],
  flows: Tool[],
  msg: ChatMessage,
  signal: AbortSignal,
): Promise<Tool[]> {
  const { RED, nodes, place, isTrusted, onWarning } = around;
  if ([def.mcp ?? []].flat().length === 0) return [];
  const translate = makeTranslate(RED);
  const chat = runningChat(RED, nodes, place.id);
  const flowTools = chat && flowToolsOf(chat);
  if (!isTrusted || !chat || !flowTools) {
    onWarning(translate("warning.mcp_not_deployed"));
    return [];
  }
  // Names that are taken.
  const functions = [...[def.functions ?? []].flat(), ...shown.map((tool) => tool.function)];
  const notices = new Notices(formNode(around), translate);
  const add = mcpToolsOf({ RED, node: chat, def: { ...def, functions }, flowTools, notices, translate });
  const all = (await add?.(flows, msg, signal, NO_STATUS)) ?? flows;
  return all.slice(flows.length);
}

function declaredTools(tools: unknown): Declaration[] {
  if (!Array.isArray(tools)) return [];
  return tools.map((tool) => {
    const { name, description, parameters, strict } = asRecord(tool) ?? {};
    const called = asText(name) ?? "";
    return declare({
      name: called,
      description: asText(description) ?? "",
      parameters: readParameters(called, parameters),
      strict: readBoolean(strict || false, "strict"),
    });
  });
}
