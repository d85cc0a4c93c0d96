import type { EnvironmentResponse, TotalsResponse } from "../shared/admin-api.js";
import { allowedSilence } from "../shared/home-host.js";
import { createConnectionTest } from "./connection-test.js";
import { createCredentialFields } from "./fields/credential-fields.js";
import { createLimitBoxes, showUsedLimits } from "./fields/limit-boxes.js";
import { createServerField } from "./fields/server-field.js";
import { createTextList } from "./fields/text-list.js";
import { pickModel } from "./models/model-picker.js";
import { showPrice } from "./models/model-rows.js";
import { configOf, reachTexts, showReach } from "./reach.js";
import { createTabs, type EditedNode, make, type NodeForm, text } from "./red.js";

const field = (property: string): JQuery => $(`#node-config-input-${property}`);
const container = (property: string): HTMLElement => $(`#node-config-input-${property}-container`)[0] as HTMLElement;

/** Makes what the form of a configuration needs beyond its template. */
export function createConfigForm(node: EditedNode): NodeForm {
  globalThis.huggingfaceEditor.editedConfig = node;
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
  const credentials = createCredentialFields(node, "headers", ["name", "fallback", "limits"]);
  const boxes = $<HTMLInputElement>(".huggingface-config-limit").get();
  const limits = createLimitBoxes(node["limits"], boxes);
  showUsedLimits(node, $("#huggingface-config-limits-used"));
  const connectionTest = createConnectionTest($("#huggingface-config-test")[0] as HTMLElement, credentials.read);
  $("#huggingface-config-pick").on("click", () => {
    const model = field("model");
    pickModel(credentials.read(), String(model.val() ?? ""), (picked) => model.val(picked).trigger("change"));
  });
  createServerField(node);
  showEnvironment(node);
  showTotals(node);
  showTimeout(node);
  showWhere();
  return {
    resize: () => tabs.resize(),
    save: () => {
      node["fallback"] = fallback.value();
      node["limits"] = limits.value();
      credentials.save();
    },
    close: () => {
      connectionTest.destroy();
      globalThis.huggingfaceEditor.editedConfig = undefined;
    },
  };
}

/** Shows which environment variable the token would come from, for the address at the opening of the form. */
function showEnvironment(node: EditedNode): void {
  const hint = $("#huggingface-config-environment");
  const baseUrl = field("baseUrl");
  const opened = baseUrl.val();
  const show = () => {
    const isKnown = hint.text() !== "" && baseUrl.val() === opened;
    hint.toggle(isKnown);
    $("#huggingface-config-token-tip").toggle(!isKnown);
  };
  baseUrl.on("input", show);
  $.getJSON(`huggingface/environment/${encodeURIComponent(node.id)}`, ({ variable }: EnvironmentResponse) => {
    if (variable) hint.text(node._("huggingface-config.tip.environment", { variable }));
    show();
  });
}

/** Says whether the questions stay in the own network. */
function showWhere(): void {
  const show = () => {
    const texts = reachTexts({ baseUrl: field("baseUrl").val() }, configOf(field("otherwise").val()));
    showReach($("#huggingface-config-reach"), $("#huggingface-config-otherwise-reach"), texts);
  };
  field("baseUrl").on("input change", show);
  field("otherwise").on("change", show);
  show();
}

/** Shows what the configuration's questions came to. */
function showTotals(node: EditedNode): void {
  $.getJSON(`huggingface/totals/${encodeURIComponent(node.id)}`, (totals: Partial<TotalsResponse>) => {
    const { since, questions = 0, failed = 0, prompt_tokens = 0, completion_tokens = 0, cost = 0 } = totals;
    if (since === undefined) return;
    const tokens = prompt_tokens + completion_tokens;
    const params = { since: new Date(since).toLocaleString(), questions, failed, tokens, cost: showPrice(cost) };
    const hint = make("div", { class: "huggingface-hint huggingface-totals" }, text("questions.totals", params));
    $("#huggingface-config-test").after(hint);
    RED.tray.resize();
  });
}

/** Says what a blank time-out means: that depends on where the server is. */
function showTimeout(node: EditedNode): void {
  const baseUrl = field("baseUrl");
  const show = () => {
    const { first, later } = allowedSilence(hostOf(String(baseUrl.val() ?? "")));
    const both = node._("huggingface-config.placeholder.timeoutAtHome", { first: String(first), later: String(later) });
    field("timeout").attr("placeholder", first === later ? String(later) : both);
  };
  baseUrl.on("input change", show);
  show();
}

/** @returns "" for what is not an address */
function hostOf(baseUrl: string): string {
  try {
    return new URL(baseUrl.trim()).hostname;
  } catch {
    return "";
  }
}
