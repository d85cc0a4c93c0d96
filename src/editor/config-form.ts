import type { ConfigForm, EnvironmentResponse, HeadersResponse } from "../shared/admin-api.js";
import { createConnectionTest } from "./connection-test.js";
import { createHeaderList, type HeaderList } from "./fields/header-list.js";
import { HEADER_CREDENTIALS, hasSecretHeaders, readSecretHeaders, writeSecretHeaders } from "./fields/header-rows.js";
import { createTextList } from "./fields/text-list.js";
import { pickModel } from "./models/model-picker.js";
import { createTabs, type EditedNode, type NodeForm, text } from "./red.js";

const field = (property: string): JQuery => $(`#node-config-input-${property}`);
const container = (property: string): HTMLElement => $(`#node-config-input-${property}-container`)[0] as HTMLElement;

/** Makes what the form of a configuration needs beyond its template. */
export function createConfigForm(node: EditedNode): NodeForm {
  const tabs = createTabs("huggingface-config", ["model", "limits", "requests"], node, () => {});
  const fallback = createTextList(
    container("fallback"),
    node["fallback"],
    {
      label: node._("huggingface-config.label.fallback"),
      placeholder: node._("huggingface-config.placeholder.model"),
      class: "huggingface-fallback",
    },
    { show: (text) => text, read: (written) => written.trim() },
  );
  const headers = createHeaderList(container("headers"), node["headers"], {
    name: node._("huggingface-config.placeholder.headerName"),
    value: node._("huggingface-config.placeholder.headerValue"),
  });
  showSecretHeaders(node, headers);
  const read = () => readForm(node, headers);
  const connectionTest = createConnectionTest($("#huggingface-config-test")[0] as HTMLElement, read);
  $("#huggingface-config-pick").on("click", () => {
    const model = field("model");
    pickModel(read(), String(model.val() ?? ""), (picked) => model.val(picked).trigger("change"));
  });
  showEnvironment(node);
  return {
    resize: () => tabs.resize(),
    save: () => {
      node["fallback"] = fallback.value();
      node["headers"] = headers.value();
      saveSecretHeaders(node, headers);
      saveCredential(node, "token");
    },
    close: () => connectionTest.destroy(),
  };
}

/** Shows the secret headers: what was changed since the last deploy, else what Node-RED has stored, without the values. */
function showSecretHeaders(node: EditedNode, headers: HeaderList): void {
  const changed = readSecretHeaders(node.credentials);
  if (changed || !hasSecretHeaders(node.credentials)) {
    headers.addSecret(changed ?? {});
    return;
  }
  const hint = $("#huggingface-config-headers-problem");
  $.getJSON(`huggingface/headers/${encodeURIComponent(node.id)}`, ({ names }: Partial<HeadersResponse>) => {
    if (!names) hint.text(text("secret.unknown"));
    else headers.addSecret(Object.fromEntries(names.map((name) => [name, { stored: name }])));
  }).fail(() => hint.text(text("secret.unknown")));
}

/** Puts the secret headers where the editor looks for credentials. */
function saveSecretHeaders(node: EditedNode, headers: HeaderList): void {
  const changed = headers.changedSecretHeaders();
  const written: Partial<Record<string, string>> = changed ? writeSecretHeaders(changed) : {};
  for (const name of HEADER_CREDENTIALS) {
    const value = written[name];
    if (value === undefined) field(name).removeAttr("id");
    else field(name).val(value);
    saveCredential(node, name);
  }
}

/** None where there was none is no change; the editor would take it for one, and restart all that use this node. */
function saveCredential(node: EditedNode, name: "token" | (typeof HEADER_CREDENTIALS)[number]): void {
  const input = field(name);
  if (input.val() === "" && !node.credentials?.[`has_${name}`]) input.removeAttr("id");
}

/** What is in the form right now, deployed or not: for the test and the list of models. */
function readForm(node: EditedNode, headers: HeaderList): ConfigForm {
  const names = Object.keys(RED.nodes.getType(node.type).defaults).filter(
    (name) => !["name", "fallback", "headers"].includes(name),
  );
  const fields = names.map((name) => {
    const input = field(name);
    const value = input.is(":checkbox") ? input.prop("checked") : input.val();
    return [name, value === "_ADD_" ? "" : value];
  });
  const def = { ...Object.fromEntries(fields), headers: headers.headers() };
  return { id: node.id, def, token: String(field("token").val() ?? ""), secretHeaders: headers.secretHeaders() };
}

/** Says which variable of the environment the token would come from: of the address that the form was opened with. */
function showEnvironment(node: EditedNode): void {
  const hint = $("#huggingface-config-environment");
  const baseUrl = field("baseUrl");
  const opened = baseUrl.val();
  baseUrl.on("input", () => hint.toggle(baseUrl.val() === opened));
  $.getJSON(`huggingface/environment/${encodeURIComponent(node.id)}`, ({ variable }: EnvironmentResponse) => {
    if (variable) hint.text(node._("huggingface-config.tip.environment", { variable }));
  });
}
