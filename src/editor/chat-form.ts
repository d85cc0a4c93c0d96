import { type ConfigForm, UNCHANGED } from "../shared/admin-api.js";
import { createFunctionList } from "./fields/functions-list.js";
import { readSecretHeaders } from "./fields/header-rows.js";
import { createStopList } from "./fields/stop-list.js";
import { createTextField } from "./fields/text-field.js";
import { createToolList } from "./fields/tool-list.js";
import { createTabs, type EditedNode, type NodeForm, widget } from "./red.js";
import { createSchemaField, type SchemaField } from "./schema/schema-field.js";
import { createTryIt } from "./try-it.js";

const field = (property: string): JQuery => $(`#node-input-${property}`);
const container = (property: string): HTMLElement => $(`#node-input-${property}-container`)[0] as HTMLElement;

/** Makes what the form of a chat node needs beyond its template. */
export function createChatForm(node: EditedNode): NodeForm {
  globalThis.huggingfaceEditor.edited = node;
  let schema: SchemaField | undefined;
  // A code editor that was hidden has no size yet.
  const tabs = createTabs("huggingface-chat", ["ask", "parameters", "format", "tools", "memory"], node, () =>
    schema?.resize(),
  );
  const prompt = createTextField(node, "prompt");
  const system = createTextField(node, "system");
  for (const [property, types] of [
    ["images", ["msg", "flow", "global", "str", "jsonata", "env"]],
    ["conversation", ["str", "msg", "jsonata", "flow", "global", "env"]],
    ["output", ["msg", "flow", "global"]],
  ] as const) {
    widget(field(property)).typedInput({ types: [...types], typeField: `#node-input-${property}Type` });
  }
  widget(field("extra")).typedInput({ types: ["json"] });
  prepareModel(node);
  prepareMemory();
  prepareStream();
  const stop = createStopList(container("stop"), node);

  const toolNames = () => tools.picked().map(({ name }) => name ?? "");
  const offerNames = () => {
    const options = [...toolNames(), ...functions.names()].map((name) => $("<option>").attr("value", name));
    $("#huggingface-chat-functions").empty().append(options);
  };
  // Limits of calls that are carried out here.
  const showLimits = () => {
    $(".huggingface-chat-picked-row").toggle(tools.picked().length > 0);
    RED.tray.resize();
  };
  const tools = createToolList($(container("tools")), $("#huggingface-chat-tools-filter"), node, () => {
    functions.mark();
    offerNames();
    showLimits();
  });
  const functions = createFunctionList(container("functions"), node["functions"], toolNames, offerNames);
  offerNames();
  showLimits();
  prepareToolChoice();
  const schemaField = prepareFormat(node);
  schema = schemaField;

  const tryIt = createTryIt($("#huggingface-chat-try")[0] as HTMLElement, () => {
    const { defaults } = RED.nodes.getType(node.type);
    const fields = Object.keys(defaults).map((name) => [name, shownIn(name)]);
    return {
      chat: {
        // Variables depend on where the node stands.
        id: node.id,
        z: node.z,
        g: node["g"],
        ...Object.fromEntries(fields),
        system: system.value(),
        stop: stop.entries(),
        functions: functions.value(),
      },
      tools: tools
        .picked()
        .map(({ name, description, parameters, strict }) => ({ name, description, parameters, strict })),
      config: configuration(String(field("config").val() ?? "")),
    };
  });
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
      node["functions"] = functions.value();
      schemaField.save();
    },
    close: () => {
      tryIt.destroy();
      schemaField.destroy();
      globalThis.huggingfaceEditor.edited = undefined;
    },
  };
}

function shownIn(property: string): unknown {
  const input = field(property);
  return input.is(":checkbox") ? input.prop("checked") : input.val();
}

/** The model of the configuration shows where no other one is entered. */
function prepareModel(node: EditedNode): void {
  const show = () => {
    const model = RED.nodes.node(String(field("config").val() ?? ""))?.model;
    field("model").attr("placeholder", model || node._("huggingface-chat.placeholder.model"));
  };
  field("config").on("change", show);
  show();
}

/** Limits matter only where something is remembered. */
function prepareMemory(): void {
  const input = field("conversation");
  const showRows = () => {
    const isSet = widget(input).typedInput("type") !== "str" || String(input.val() ?? "").trim() !== "";
    $(".huggingface-chat-memory-row").toggle(isSet);
    RED.tray.resize();
  };
  input.on("change", showRows);
  showRows();
  const { stores = [] } = RED.settings.context ?? {};
  $("#huggingface-chat-stores").append(stores.map((store) => $("<option>").attr("value", store)));
}

/** How the reply is cut matters only where it is streamed. */
function prepareStream(): void {
  const showRows = () => {
    const isOn = Boolean(field("stream").prop("checked"));
    const isInterval = !["token", "sentence", "line"].includes(String(field("chunk").val()));
    $(".huggingface-chat-stream-row").toggle(isOn);
    $(".huggingface-chat-interval-row").toggle(isOn && isInterval);
    RED.tray.resize();
  };
  field("stream").add(field("chunk")).on("change", showRows);
  showRows();
}

/** The name matters only where one function must be called. */
function prepareToolChoice(): void {
  const choice = field("toolChoice");
  const showRow = () => {
    $(".huggingface-chat-function-row").toggle(!["auto", "none", "required"].includes(String(choice.val())));
    RED.tray.resize();
  };
  choice.on("change", showRow);
  showRow();
}

/** The schema and its rows matter only with their format. */
function prepareFormat(node: EditedNode): SchemaField {
  const format = field("format");
  const schema = createSchemaField("schema", node["schema"], true);
  schema.setCodeHeight(180);
  const showRows = () => {
    const chosen = String(format.val());
    // One of the environment may be any.
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

/** A configuration as it stands in the editor, deployed or not. */
function configuration(id: string): ConfigForm | undefined {
  const node = RED.nodes.node(id);
  if (!node) return undefined;
  const names = Object.keys(RED.nodes.getType(node.type).defaults);
  const def = Object.fromEntries(names.map((name) => [name, node[name]]));
  const { credentials } = node;
  return { id, def, token: credentials?.token ?? UNCHANGED, secretHeaders: readSecretHeaders(credentials) };
}
