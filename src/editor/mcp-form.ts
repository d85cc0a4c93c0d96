import type { ConfigForm, Withheld } from "../shared/admin-api.js";
import type { McpToolsResponse } from "../shared/mcp.js";
import { describeWithheld, isError, postForm } from "./admin-api.js";
import { createCredentialFields } from "./fields/credential-fields.js";
import { type EditedNode, make, makeButton, type NodeForm } from "./red.js";

const HUGGING_FACE = "https://huggingface.co/mcp";
/** Where the Gradio app of a Space has its MCP server. */
const OF_SPACE = /^https:\/\/[\w-]+\.hf\.space\/gradio_api\/mcp\/?$/;
/** Tools that are named after a test; the form of a chat node shows all. */
const MOST_NAMED = 50;

const field = (property: string): JQuery => $(`#node-config-input-${property}`);

/** Makes what the form of an MCP server needs beyond its template. */
export function createMcpForm(node: EditedNode): NodeForm {
  const credentials = createCredentialFields(node, "mcp-headers", []);
  createPresets(node);
  const test = createToolTest(node, $("#huggingface-mcp-test")[0] as HTMLElement, credentials.read);
  return {
    resize: () => {},
    save: credentials.save,
    close: () => test.abort(),
  };
}

/** The choice of a known server: it fills in the address, and whether its marks are believed. */
function createPresets(node: EditedNode): void {
  const preset = $("#huggingface-mcp-preset");
  const space = $("#huggingface-mcp-space");
  const url = field("url");
  const hasAccount = Boolean(node["account"]);
  const showRows = () => {
    $(".huggingface-mcp-space-row").toggle(preset.val() === "space");
    // Its token goes to Hugging Face alone; one that was chosen for another server is seen, and can be taken off.
    $(".huggingface-mcp-account-row").toggle(hasAccount || known() === "huggingface");
  };
  const known = () => {
    const written = String(url.val() ?? "").trim();
    if (written.replace(/\/$/, "") === HUGGING_FACE) return "huggingface";
    return OF_SPACE.test(written) ? "space" : "own";
  };
  preset.val(known());
  preset.on("change", () => {
    const choice = preset.val();
    if (choice === "huggingface") url.val(HUGGING_FACE).trigger("change");
    else if (known() === "huggingface") url.val("").trigger("change");
    field("believe")
      .prop("checked", choice === "huggingface")
      .trigger("change");
    showRows();
  });
  space.on("input", () => {
    const address = spaceUrl(String(space.val() ?? ""));
    if (address !== undefined) url.val(address).trigger("change");
  });
  // Somebody else's server does not say what Hugging Face's says.
  url.on("input", () => {
    if (preset.val() === "huggingface" && known() !== "huggingface") field("believe").prop("checked", false);
    if (preset.val() !== "space") preset.val(known());
    showRows();
  });
  showRows();
}

/** Returns the address of a Space's MCP server; undefined for what is not the name of a Space. */
export function spaceUrl(name: string): string | undefined {
  const [, owner, space] = /^(?:https:\/\/huggingface\.co\/spaces\/)?([\w.-]+)\/([\w.-]+?)\/?$/.exec(name.trim()) ?? [];
  if (owner === undefined || space === undefined) return undefined;
  const host = `${owner}-${space}`.toLowerCase().replace(/[^a-z\d]+/g, "-");
  return `https://${host}.hf.space/gradio_api/mcp/`;
}

/** Makes the button that lists the server's tools. What a server says is text, whatever it looks like. */
function createToolTest(node: EditedNode, element: HTMLElement, read: () => ConfigForm): AbortController {
  const abort = new AbortController();
  const words = (key: string, params?: Record<string, string | number>) =>
    node._(`huggingface-mcp.test.${key}`, params);
  const result = make("div", { class: "huggingface-hint huggingface-test-result", role: "status" });
  const show = (message: string, kind: string) => {
    result.className = `huggingface-hint huggingface-test-result ${kind}`;
    result.textContent = message;
  };
  const button = makeButton(words("button"), "fa-plug", () => void test());
  const test = async () => {
    const started = performance.now();
    button.disabled = true;
    show(words("running"), "");
    const response = await postForm<McpToolsResponse & Withheld>("mcp-tools", read(), abort.signal);
    button.disabled = false;
    if (isError(response)) {
      show(response.error.message, "huggingface-problem");
    } else {
      const { tools } = response;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      show(tools.length === 0 ? words("none") : words("reached", { count: tools.length, seconds }), "huggingface-good");
      const names = tools.slice(0, MOST_NAMED).map(({ name, annotations }) => {
        return annotations?.readOnlyHint === true ? `${name} (${words("readOnly")})` : name;
      });
      const more = tools.length - names.length;
      if (more > 0) names.push(words("more", { count: more }));
      if (names.length > 0) result.append(` ${names.join(", ")}`);
    }
    result.append(` ${describeWithheld(response)}`.trimEnd());
    RED.tray.resize();
  };
  element.append(button, result);
  return abort;
}
