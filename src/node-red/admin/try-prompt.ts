import type { NodeAPI } from "node-red";
import { asRecord, mayKnowTemplates, redactDeltas, type SentRequest } from "../../client/internal";
import { buildRequest } from "../../conversation/request/build";
import { readObject } from "../../conversation/request/fields";
import type { Report } from "../../conversation/run/report";
import { type QuestionListener, runQuestion } from "../../conversation/run/run-question";
import { readFunctions } from "../../conversation/tools";
import type { TokenCounts, TryDone, TryForm, TryLine } from "../../shared/admin-api";
import { inputName, readField, withDefaults } from "../chat-options";
import {
  limitsOf,
  readFallback,
  readGrammar,
  readModel,
  readServerStreams,
  readStickyProvider,
} from "../config-options";
import { ChatError } from "../errors";
import { localizeError } from "../localize";
import { makeTranslate } from "../red";
import { DeployedNodes } from "./deployed";
import { checkVariables, formClient, type Unchecked } from "./form-client";
import { errorBody } from "./routes";
import { shownRequest } from "./shown-request";
import { priced } from "./try-cost";
import { hasMessage, readTryInputs } from "./try-inputs";
import { type BuildForForm, TryOtherwise } from "./try-otherwise";
import { ranCall, readTryTools } from "./try-tools";
import { mapTexts, type Variables } from "./variables";

/** Properties of a chat node that nothing is read from here: a variable in one goes nowhere. */
const UNUSED = ["config", "name", "info", "output", "tools"];

/**
 * Asks what is in the form of a chat node, and hands on what comes.
 *
 * @param trial - what to ask, the chat node's properties with its id and place, those of the picked tool nodes, and the
 *   configuration as `formClient` takes it
 */
export async function tryPrompt(
  RED: NodeAPI,
  trial: Unchecked<TryForm>,
  variables: Variables,
  signal: AbortSignal,
  write: (line: TryLine) => void,
): Promise<void> {
  const { chat, config, message, wantsRequest } = trial;
  if (!config) throw new ChatError("config_missing");
  const nodes = new DeployedNodes(RED);
  const first = formClient(RED, config, nodes, variables);
  const other = new TryOtherwise(RED, first, trial.otherwise, nodes, variables);
  const { client, isTrusted } = first;
  const redact = (text: string) => other.form?.client.redact(client.redact(text)) ?? client.redact(text);
  const hide = (text: string) => variables.hideParts(redact(text));
  const hideWhole = (text: string) => variables.hide(redact(text));
  const withheld = () => ({ ...first.withheld, ...other.form?.withheld });
  try {
    client.meter = priced(limitsOf(RED, first.id)?.meter);
    const place = asRecord(chat) ?? {};
    const def = withDefaults(readChat(place, nodes, isTrusted, variables));
    const warnings: string[] = [];
    const onWarning = (text: string) => warnings.push(hide(text));
    const around = { RED, nodes, place, variables, isTrusted, onWarning };
    const { msg, options, inputs, key, history, origins } = await readTryInputs(around, def, trial, signal);
    const tools = await readTryTools(around, def, trial, msg, signal);
    const promptName = hasMessage(message) ? inputName(def, "prompt") : "prompt";
    const build: BuildForForm = (form, model) =>
      buildRequest({
        ...inputs,
        promptName,
        imagesName: inputName(def, "images"),
        audioName: inputName(def, "audio"),
        ...(history && { history }),
        form: def,
        options: model === undefined ? options : { ...options, fields: { ...options.fields, model } },
        defaultModel: readModel(form.def),
        serverStreams: readServerStreams(form.def),
        mayKnowTemplates: () => mayKnowTemplates(form.client.endpoint),
        grammar: readGrammar(form.def),
        tools: [...tools.declarations, ...readFunctions(def.functions)],
        toolChoice: { choice: def.toolChoice, name: def.toolName },
      });
    const { request, output } = build(first);
    // What is waiting of a text comes before its end, whichever that is.
    const deltas = redactDeltas(
      { onText: (text) => write({ text }), onReasoning: (reasoning) => write({ reasoning }) },
      variables.redaction,
    );
    const translate = makeTranslate(RED);
    const listener: QuestionListener = {
      ...deltas,
      onFallback: (error) => localizeError(error, translate),
      onOtherwise: (params) => onWarning(translate("notice.otherwise.warning", params)),
      onNoOtherwise: (params) => onWarning(translate("warning.no_otherwise", params)),
    };
    const onRequest = (sent: SentRequest) => {
      const secretHeaders = new Set([...first.secretHeaders, ...(other.form?.secretHeaders ?? [])]);
      write({ request: shownRequest(sent, secretHeaders, hideWhole) });
    };
    const { calls, completion, reply } = await runQuestion(client, request, {
      signal,
      output,
      ...(origins && { origins }),
      ...(tools.own.length > 0 && { tools: tools.own, maxSteps: readField.number(def, "maxSteps") }),
      repairs: readField.number(def, "repairs"),
      fallback: readFallback(first.def),
      stickyProvider: readStickyProvider(first.def),
      otherwise: other.of(build),
      listener: wantsRequest === true ? { ...listener, onRequest } : listener,
    }).finally(deltas.end);
    const ran = tools.own.length > 0 && completion.steps.flatMap(({ tool_calls }) => tool_calls.map(ranCall));
    const written = mapTexts({ calls, ...(ran && { ran }), ...(output && { reply }) }, (text) =>
      variables.redaction.reply(redact(text)),
    );
    const known = {
      ...(warnings.length > 0 && { warnings }),
      ...(key !== undefined && { conversation: { key: hideWhole(key), messages: history?.length ?? 0 } }),
    };
    write({ done: { ...mapTexts(factsOf(completion), hide), ...known, ...written, ...withheld() } });
  } catch (error) {
    write({ ...errorBody(RED, variables.hideError(error)), ...withheld() });
  } finally {
    await client.close();
    await other.close();
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
