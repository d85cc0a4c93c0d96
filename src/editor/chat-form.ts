import { type ConfigForm, UNCHANGED } from "../shared/admin-api.js";
import { addTool } from "./canvas.js";
import { fillApprovalChoice } from "./fields/approval-choice.js";
import { createFunctionList } from "./fields/functions-list.js";
import { readSecretHeaders } from "./fields/header-rows.js";
import { createMcpList } from "./fields/mcp-list.js";
import { createStopList } from "./fields/stop-list.js";
import { createTextField } from "./fields/text-field.js";
import { createToolList } from "./fields/tool-list.js";
import { pickModel } from "./models/model-picker.js";
import { createQuestionList } from "./question-list.js";
import { chosenConfig, configOf, reachTexts, showReach } from "./reach.js";
import { createTabs, type EditedNode, make, makeButton, type NodeForm, widget } from "./red.js";
import { createSchemaField, type SchemaField } from "./schema/schema-field.js";
import { createTryIt } from "./try-it.js";

const field = (property: string): JQuery => $(`#node-input-${property}`);
const container = (property: string): HTMLElement => $(`#node-input-${property}-container`)[0] as HTMLElement;

/** Makes what the form of a chat node needs beyond its template. */
export function createChatForm(node: EditedNode): NodeForm {
  globalThis.huggingfaceEditor.edited = node;
  let schema: SchemaField | undefined;
  // A code editor has no size while it is hidden.
  const tabs = createTabs("huggingface-chat", ["ask", "parameters", "format", "tools", "memory"], node, () =>
    schema?.resize(),
  );
  const prompt = createTextField(node, "prompt");
  const system = createTextField(node, "system");
  for (const [property, types] of [
    ["images", ["msg", "flow", "global", "str", "jsonata", "env"]],
    ["audio", ["msg", "flow", "global", "str", "jsonata", "env"]],
    ["conversation", ["str", "msg", "jsonata", "flow", "global", "env"]],
    ["output", ["msg", "flow", "global"]],
  ] as const) {
    widget(field(property)).typedInput({ types: [...types], typeField: `#node-input-${property}Type` });
  }
  widget(field("extra")).typedInput({ types: ["json"] });
  prepareModel(node);
  prepareMemory();
  prepareStore(node);
  prepareStream();
  const stop = createStopList(container("stop"), node);

  const toolNames = () => tools.picked().map(({ name }) => name ?? "");
  const offerNames = () => {
    const options = [...toolNames(), ...functions.names()].map((name) => $("<option>").attr("value", name));
    $("#huggingface-chat-functions").empty().append(options);
  };
  // These limits apply only to calls that the node runs itself.
  const showLimits = () => {
    $(".huggingface-chat-picked-row").toggle(tools.picked().length > 0 || mcp.isAnyPicked());
    $(".huggingface-chat-approval-row").toggle(mcp.isAnyPicked());
    RED.tray.resize();
  };
  const tools = createToolList($(container("tools")), $("#huggingface-chat-tools-filter"), node, () => {
    functions.mark();
    offerNames();
    showLimits();
  });
  $(container("tools"))
    .closest(".huggingface-field")
    .append(makeButton(node._("huggingface-chat.button.addTool"), "fa-plus", (click) => addTool(node.id, click)));
  const functions = createFunctionList(container("functions"), node["functions"], toolNames, offerNames);
  const mcp = createMcpList(container("mcp"), node, configuration, () => showLimits());
  // Not under the name of its property: the editor would take the link in node for a configuration node, and fail.
  const approval = $("#huggingface-chat-approval");
  fillApprovalChoice(approval[0] as HTMLSelectElement, node);
  offerNames();
  showLimits();
  prepareToolChoice();
  const schemaField = prepareFormat(node);
  schema = schemaField;

  const box = $("#huggingface-chat-try")[0] as HTMLElement;
  const questions = createQuestionList(box, node.id);
  const tryIt = createTryIt(box, node.id, () => {
    const { defaults } = RED.nodes.getType(node.type);
    const fields = Object.keys(defaults).map((name) => [name, shownIn(name)]);
    return {
      chat: {
        // Variables depend on where the node stands.
        id: node.id,
        z: node.z,
        g: node["g"],
        ...Object.fromEntries(fields),
        prompt: prompt.value(),
        system: system.value(),
        stop: stop.entries(),
        functions: functions.value(),
        ...mcp.value(),
        approval: approval.val(),
      },
      tools: tools
        .picked()
        .map(({ id, name, description, parameters, strict }) => ({ id, name, description, parameters, strict })),
      config: configuration(chosenConfig(node)),
      otherwise: configuration(String(configOf(chosenConfig(node))?.otherwise ?? "")),
    };
  });
  if (globalThis.huggingfaceEditor.questionsOf === node.id) {
    globalThis.huggingfaceEditor.questionsOf = undefined;
    setTimeout(questions.open);
  }
  return {
    resize: () => {
      tabs.resize();
      schemaField.resize();
    },
    save: () => {
      prompt.save();
      system.save();
      node["stop"] = stop.value();
      node["tools"] = tools.ids();
      Object.assign(node, mcp.value(), { approval: approval.val() });
      node["functions"] = functions.value();
      schemaField.save();
    },
    close: () => {
      mcp.close();
      tryIt.destroy();
      questions.destroy();
      schemaField.destroy();
      globalThis.huggingfaceEditor.edited = undefined;
    },
  };
}

function shownIn(property: string): unknown {
  const input = field(property);
  return input.is(":checkbox") ? input.prop("checked") : input.val();
}

/** Shows the configuration's model as placeholder, and offers those of its server. */
function prepareModel(node: EditedNode): void {
  const button = $("#huggingface-chat-pick");
  const show = () => {
    showWhere(node);
    const config = RED.nodes.node(chosenConfig(node));
    field("model").attr("placeholder", config?.model || node._("huggingface-chat.placeholder.model"));
    button.prop("disabled", !config);
  };
  button.on("click", () => {
    const model = field("model");
    const config = configuration(chosenConfig(node));
    if (config) pickModel(config, String(model.val() ?? ""), (picked) => model.val(picked).trigger("change"));
  });
  field("config").on("change", show);
  show();
}

/** Says whether the questions stay in the own network. */
function showWhere(node: EditedNode): void {
  const config = configOf(chosenConfig(node));
  const hint = $("#huggingface-chat-reach");
  showReach(hint, hint, config ? reachTexts(config, configOf(config.otherwise)) : { own: "", otherwise: "" });
}

/** Shows the limits of the memory only if it is used. */
function prepareMemory(): void {
  const input = field("conversation");
  const showRows = () => {
    $(".huggingface-chat-memory-row").toggle(String(input.val() ?? "").trim() !== "");
    RED.tray.resize();
  };
  input.on("change", showRows);
  showRows();
}

/** Offers the stores of the runtime. One that it does not have stays, and says so. */
function prepareStore(node: EditedNode): void {
  const { stores = [] } = RED.settings.context ?? {};
  const select = field("store");
  const given = select.children("option").get() as HTMLOptionElement[];
  for (const option of given) {
    const { value } = option;
    const isUnknown = value !== "" && !value.startsWith("${") && !stores.includes(value);
    if (isUnknown) option.textContent = node._("huggingface-chat.store.unknown", { name: value });
  }
  const isOffered = (store: string) => given.some(({ value }) => value === store);
  select.append(stores.filter((store) => !isOffered(store)).map((store) => make("option", { value: store }, store)));
}

/** Shows how the reply is split only if it is streamed. */
function prepareStream(): void {
  const showRows = () => {
    const isOn = Boolean(field("stream").prop("checked"));
    const chunk = String(field("chunk").val());
    const isInterval = !["token", "sentence", "line"].includes(chunk);
    // One of the environment may be any.
    const isSentence = !["token", "interval", "line", "snapshot"].includes(chunk);
    $(".huggingface-chat-stream-row").toggle(isOn);
    $(".huggingface-chat-interval-row").toggle(isOn && isInterval);
    $(".huggingface-chat-sentence-row").toggle(isOn && isSentence);
    RED.tray.resize();
  };
  field("stream").add(field("chunk")).on("change", showRows);
  showRows();
}

/** Shows the name only if one function must be called. */
function prepareToolChoice(): void {
  const choice = field("toolChoice");
  const showRow = () => {
    $(".huggingface-chat-function-row").toggle(!["auto", "none", "required"].includes(String(choice.val())));
    RED.tray.resize();
  };
  choice.on("change", showRow);
  showRow();
}

/** Shows the schema and its rows only with their format. */
function prepareFormat(node: EditedNode): SchemaField {
  const format = field("format");
  const schema = createSchemaField("schema", node["schema"], true);
  schema.setCodeHeight(180);
  const showRows = () => {
    const chosen = String(format.val());
    // A format from the environment may be any.
    const isKnown = ["text", "json_object", "json_schema"].includes(chosen);
    $(".huggingface-chat-json-row").toggle(chosen !== "text");
    $(".huggingface-chat-schema-row").toggle(chosen === "json_schema" || !isKnown);
    $(".huggingface-chat-format-tip").text(isKnown ? node._(`huggingface-chat.tip.format_${chosen}`) : "");
    schema.resize();
    RED.tray.resize();
  };
  format.on("change", () => {
    showRows();
    field("schema").trigger("change");
  });
  showRows();
  return schema;
}

/** Returns a configuration as the editor has it, deployed or not. */
function configuration(id: string): ConfigForm | undefined {
  const node = RED.nodes.node(id);
  if (!node) return undefined;
  const names = Object.keys(RED.nodes.getType(node.type).defaults);
  const def = Object.fromEntries(names.map((name) => [name, node[name]]));
  const { credentials } = node;
  return { id, def, token: credentials?.token ?? UNCHANGED, secretHeaders: readSecretHeaders(credentials) };
}
