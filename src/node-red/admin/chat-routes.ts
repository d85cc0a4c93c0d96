import type { NodeAPI } from "node-red";
import { asRecord, asText, redactDeltas } from "../../client/internal";
import { buildRequest, readMessageOptions } from "../../conversation/request/build";
import { checkEnvironment, readBoolean, readObject } from "../../conversation/request/fields";
import type { Report } from "../../conversation/run/report";
import { runQuestion } from "../../conversation/run/run-question";
import { type Declaration, declare, readFunctions, readParameters } from "../../conversation/tools";
import type { TokenCounts, TryDone, TryForm, TryLine } from "../../shared/admin-api";
import { type ChatDef, readField, withDefaults } from "../chat-options";
import { readFallback, readGrammar, readModel, readServerStreams } from "../config-options";
import { ChatError } from "../errors";
import { renderTemplate } from "../typed-input";
import { DeployedNodes } from "./deployed";
import { checkVariables, formClient, type Unchecked } from "./form-client";
import { addPost, errorBody } from "./routes";
import { mapTexts, Variables } from "./variables";

/** Properties of a chat node that nothing is read from here: a variable in one goes nowhere. */
const UNUSED = ["config", "name", "info", "prompt", "images", "audio", "conversation", "store", "output", "tools"];

/**
 * The route behind the try-it box of the chat node's form: it asks a prompt with what is in the form right now, deployed
 * or not, and streams what comes, one JSON object a line: `{ text }`, `{ reasoning }`, and at the end `{ done }` or
 * `{ error }`. Tools are offered, and their calls are shown and not run. Nothing is remembered.
 */
export function addChatRoutes(RED: NodeAPI): void {
  addPost(RED, "/huggingface/try", "huggingface-chat.write", async ({ body }, response, signal) => {
    const write = (line: TryLine): void => {
      if (!signal.aborted) response.write(`${JSON.stringify(line)}\n`);
    };
    response.set("content-type", "application/x-ndjson; charset=utf-8");
    response.set("cache-control", "no-store");
    // A proxy before Node-RED, nginx for one, would gather the lines.
    response.set("x-accel-buffering", "no");
    const variables = new Variables();
    try {
      await tryPrompt(RED, asRecord(body) ?? {}, variables, signal, write);
    } catch (error) {
      write(errorBody(RED, variables.hideError(error)));
    }
    if (!signal.aborted) response.end();
  });
}

/**
 * @param trial - `{ prompt, chat, tools, config }`: the text, the chat node's properties with its id and place, those of the
 *   picked tool nodes, and the configuration as `formClient` takes it
 */
async function tryPrompt(
  RED: NodeAPI,
  { prompt, chat, tools, config }: Unchecked<TryForm>,
  variables: Variables,
  signal: AbortSignal,
  write: (line: TryLine) => void,
): Promise<void> {
  if (!config) throw new ChatError("config_missing");
  const nodes = new DeployedNodes(RED);
  const { client, def: configDef, isTrusted, withheld } = formClient(RED, config, nodes, variables);
  try {
    const def = withDefaults(readChat(asRecord(chat) ?? {}, nodes, isTrusted, variables));
    const { request, output } = buildRequest({
      prompt,
      promptName: "prompt",
      system: systemPrompt(def, prompt),
      form: def,
      options: readMessageOptions(undefined, "msg.huggingface"),
      defaultModel: readModel(configDef),
      serverStreams: readServerStreams(configDef),
      grammar: readGrammar(configDef),
      tools: [...readTools(tools), ...readFunctions(def.functions)],
      toolChoice: { choice: def.toolChoice, name: def.toolName },
    });
    // What is waiting of a text comes before its end, whichever that is.
    const listener = redactDeltas(
      { onText: (text) => write({ text }), onReasoning: (reasoning) => write({ reasoning }) },
      variables.redaction,
    );
    const { calls, completion, reply } = await runQuestion(client, request, {
      signal,
      output,
      repairs: readField.number(def, "repairs"),
      fallback: readFallback(configDef),
      listener,
    }).finally(listener.end);
    const written = mapTexts({ calls, ...(output && { reply }) }, variables.redaction.reply);
    const hide = (text: string) => variables.hideParts(client.redact(text));
    write({ done: { ...mapTexts(factsOf(completion), hide), ...written, ...withheld } });
  } catch (error) {
    write({ ...errorBody(RED, variables.hideError(error)), ...withheld });
  } finally {
    await client.close();
  }
}

/**
 * The properties of a chat node, with the variables that apply where it stands.
 *
 * @throws ChatError `secret_withheld` for a variable where its value may not go
 */
function readChat(
  fields: Record<string, unknown>,
  nodes: DeployedNodes,
  isTrusted: boolean,
  variables: Variables,
): Record<string, unknown> {
  const used = Object.fromEntries(Object.entries(fields).filter(([name]) => !UNUSED.includes(name)));
  if (!isTrusted) {
    checkVariables({ ...used, extra: readObject(used["extra"], "extra") });
    return used;
  }
  const { name, z, g } = fields;
  const lookup = nodes.lookup(nodes.get(fields["id"], "huggingface-chat") ?? { name, z, g });
  const resolved = variables.resolve(used, lookup);
  const extra = readObject(resolved["extra"], "extra");
  // At run time, too, those in JSON text are replaced where it is read.
  return { ...resolved, extra: typeof used["extra"] === "string" ? variables.resolve(extra, lookup) : extra };
}

/** Returns what the form shows of a reply beside what the model wrote. */
function factsOf({
  cost,
  fallbacks,
  finish_reason,
  model,
  provider,
  timing,
  usage = {},
}: Report): Omit<TryDone, "calls"> {
  const { prompt_tokens, completion_tokens, total_tokens } = usage;
  const tokens = Object.entries({ prompt_tokens, completion_tokens, total_tokens }).filter(
    ([, count]) => typeof count === "number",
  );
  return { cost, fallbacks, finish_reason, model, provider, timing, usage: Object.fromEntries(tokens) as TokenCounts };
}

/** Returns the system prompt; none where it comes from a message or a context, which a form does not have. */
function systemPrompt({ system, systemType }: ChatDef, prompt: unknown): unknown {
  if (systemType === "str" || systemType === "template") checkEnvironment(system, "system");
  if (systemType === "str") return system;
  return systemType === "template" ? renderTemplate(String(system ?? ""), { payload: prompt }, "system") : undefined;
}

function readTools(tools: unknown): Declaration[] {
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
