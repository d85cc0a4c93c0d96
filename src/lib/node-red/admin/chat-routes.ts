import type { NodeAPI } from "node-red";
import { asRecord, asText, ChatError } from "../../client";
import { ask } from "../../conversation/ask";
import { readBoolean, readNumber } from "../../conversation/fields";
import { buildRequest } from "../../conversation/request";
import { type Declaration, declare, readFunctions, readParameters } from "../../conversation/tools";
import { type ChatDef, withDefaults } from "../chat-options";
import { readFallback, readGrammar, readModel, readServerStreams } from "../config-options";
import { renderTemplate } from "../typed-input";
import { formClient } from "./form-client";
import { type AdminRequest, type AdminResponse, errorAnswer, goneSignal } from "./routes";

/**
 * The route behind the try-it box of the chat node's form: it asks a prompt with what is in the form right now, deployed
 * or not, and streams what comes, one JSON object a line: `{ text }`, `{ reasoning }`, and at the end `{ done }` or
 * `{ error }`. Tools are offered, and their calls are shown and not run. Nothing is remembered.
 */
export function addChatRoutes(RED: NodeAPI): void {
  const handle = async ({ body }: AdminRequest, response: AdminResponse): Promise<void> => {
    const signal = goneSignal(response);
    const write = (line: object): void => {
      if (!signal.aborted) response.write(`${JSON.stringify(line)}\n`);
    };
    response.set("content-type", "application/x-ndjson; charset=utf-8");
    response.set("cache-control", "no-store");
    // A proxy before Node-RED, nginx for one, would gather the lines.
    response.set("x-accel-buffering", "no");
    try {
      await tryPrompt(RED, asRecord(body) ?? {}, signal, write);
    } catch (error) {
      write(errorAnswer(RED, error));
    }
    if (!signal.aborted) response.end();
  };
  const permission = RED.auth.needsPermission("huggingface-chat.write");
  RED.httpAdmin.post("/huggingface/try", permission, handle as never);
}

/** @param body - `{ prompt, chat, tools, config }`: the text, the chat node's properties, those of the picked tool nodes, and the configuration as `formClient` takes it */
async function tryPrompt(
  RED: NodeAPI,
  { prompt, chat, tools, config }: Record<string, unknown>,
  signal: AbortSignal,
  write: (line: object) => void,
): Promise<void> {
  if (!config) throw new ChatError("config_missing");
  const { client, def: configDef, withheld, resolve } = formClient(RED, config);
  try {
    const def = resolve(withDefaults((asRecord(chat) ?? {}) as unknown as ChatDef));
    const { request, output } = buildRequest({
      prompt,
      promptName: "prompt",
      system: systemPrompt(def, prompt),
      form: def,
      options: { fields: {} },
      defaultModel: readModel(configDef),
      serverStreams: readServerStreams(configDef),
      grammar: readGrammar(configDef),
      tools: [...readTools(tools), ...readFunctions(def.functions)],
      toolChoice: { choice: def.toolChoice, name: def.toolName },
    });
    const { calls, completion, reply } = await ask(client, request, {
      signal,
      output,
      repairs: readNumber(def.repairs, "repairs", 0),
      fallback: readFallback(configDef),
      listener: {
        onText: (text) => write({ text }),
        onReasoning: (reasoning) => write({ reasoning }),
      },
    });
    const { cost, fallbacks, finish_reason, model, provider, timing, usage } = completion;
    const told = { cost, fallbacks, finish_reason, model, provider, timing, usage };
    write({ done: { ...told, calls, ...(output && { reply }), ...withheld } });
  } catch (error) {
    write({ ...errorAnswer(RED, error), ...withheld });
  } finally {
    await client.close();
  }
}

/** Where it comes from a message or a context, there is none while a form is open. */
function systemPrompt({ system, systemType }: ChatDef, prompt: unknown): unknown {
  if (systemType === "str") return system;
  return systemType === "template"
    ? renderTemplate(String(system ?? ""), { payload: prompt } as never, "system")
    : undefined;
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
