import {
  type ListedTool,
  MCP_ASKS,
  MCP_USES,
  type McpAsk,
  type McpSettings,
  type McpToolsResponse,
  type McpUse,
} from "../../shared/mcp.js";
import { isError, postForm } from "../admin-api.js";
import { type EditedNode, type FlowNode, make, makeButton } from "../red.js";
import { createMcpTools } from "./mcp-tool-list.js";

const TYPE = "huggingface-mcp";
/** The editor puts the id of a configuration node that it has made into the field of this name. */
const NEW_SERVER = "mcp-new";

/** A server in the list. */
interface Line {
  id: string;
  isPicked: boolean;
  settings: McpSettings;
}

/** The list in which MCP servers and their tools are picked. */
export interface McpList {
  /** The properties `mcp` and `mcpTools`, as they were given where nobody has changed them. */
  value(): { mcp: unknown; mcpTools: unknown };
  isAnyPicked(): boolean;
  /** Ends requests. */
  close(): void;
}

/**
 * Makes the list of the MCP servers that there are, and of those that are picked and gone.
 *
 * @param element an empty element
 * @param formOf returns what is sent for a server to list its tools
 * @param changed called when a server was picked or unpicked
 */
export function createMcpList(
  element: HTMLElement,
  node: EditedNode,
  formOf: (id: string) => object | undefined,
  changed: () => void,
): McpList {
  const words = (key: string, params?: Record<string, string | number>) =>
    node._(`huggingface-chat.mcp.${key}`, params);
  const given = { mcp: node["mcp"], mcpTools: node["mcpTools"] };
  const requests = new AbortController();
  const ids = [...new Set([given.mcp ?? []].flat().map(String).filter(Boolean))];
  const settings: unknown[] = [given.mcpTools ?? []].flat();
  const lines: Line[] = ids.map((id, place) => ({ id, isPicked: true, settings: readSettings(settings[place]) }));
  let isChanged = false;
  const touch = () => {
    isChanged = true;
  };

  const render = () => {
    for (const { id } of servers(node)) {
      if (!lines.some((line) => line.id === id)) lines.push({ id, isPicked: false, settings: readSettings(undefined) });
    }
    const rows = lines.map((line) => row(line));
    const isEmpty = rows.length === 0 ? [make("div", { class: "huggingface-hint" }, words("none"))] : [];
    const add = makeButton(words("add"), "fa-plus", () =>
      RED.editor.editConfig(NEW_SERVER, TYPE, "_ADD_", "node-input", node),
    );
    add.classList.add("huggingface-mcp-add");
    const made = make("select", { id: `node-input-${NEW_SERVER}`, style: "display:none", "aria-hidden": "true" });
    $(made).on("change", () => {
      const isNew = made.value !== "" && made.value !== "_ADD_" && !lines.some(({ id }) => id === made.value);
      if (!isNew) return;
      lines.push({ id: made.value, isPicked: true, settings: readSettings(undefined) });
      touch();
      render();
      changed();
    });
    // Where the node is disabled in the palette there is no form to add one.
    element.replaceChildren(...rows, ...isEmpty, ...(RED.nodes.getType(TYPE) ? [add, made] : []));
    RED.tray.resize();
  };

  const row = (line: Line): HTMLElement => {
    const server = RED.nodes.node(line.id);
    const box = make("input", { type: "checkbox", class: "huggingface-mcp-picked" });
    box.checked = line.isPicked;
    const name = nameOf(line.id, server, node);
    const use = select(MCP_USES, line.settings.use, "use", words);
    const ask = select(MCP_ASKS, line.settings.ask, "ask", words);
    const tools = make("div", { class: "huggingface-mcp-tools" });
    const list = makeButton(words("tools"), "fa-list", () => void showTools(line, server, tools, list));
    const choices = make("div", { class: "huggingface-mcp-choices" }, use, ask, list);
    const show = () => {
      choices.hidden = !line.isPicked;
      tools.hidden = !line.isPicked;
    };
    box.addEventListener("change", () => {
      line.isPicked = box.checked;
      touch();
      show();
      changed();
    });
    use.addEventListener("change", () => {
      line.settings.use = use.value as McpUse;
      touch();
      tools.classList.toggle("huggingface-mcp-all", line.settings.use === "all");
    });
    ask.addEventListener("change", () => {
      line.settings.ask = ask.value as McpAsk;
      touch();
    });
    show();
    const label = make("label", { class: "huggingface-check" }, box, " ", make("bdi", {}, name));
    return make("div", { class: "huggingface-mcp-server" }, label, choices, tools);
  };

  const showTools = async (
    line: Line,
    server: FlowNode | null | undefined,
    element: HTMLElement,
    button: HTMLButtonElement,
  ): Promise<void> => {
    button.disabled = true;
    const response = server && (await postForm<McpToolsResponse>("mcp-tools", formOf(line.id) ?? {}, requests.signal));
    button.disabled = false;
    if (requests.signal.aborted) return;
    if (!response || isError(response)) {
      const reason = response ? response.error.message : words("missing", { id: line.id });
      element.replaceChildren(make("div", { class: "huggingface-problem", role: "alert" }, reason));
      return;
    }
    const before = line.settings.seen;
    line.settings.seen = seenOf(response.tools);
    if (JSON.stringify(before) !== JSON.stringify(line.settings.seen)) touch();
    const isBelieved = server?.["believe"] === true;
    element.classList.toggle("huggingface-mcp-all", line.settings.use === "all");
    element.replaceChildren(
      ...createMcpTools({ tools: response.tools, settings: line.settings, before, isBelieved, words, touch }),
    );
    RED.tray.resize();
  };

  render();
  const picked = () => lines.filter(({ isPicked }) => isPicked);
  return {
    value: () => {
      if (!isChanged) return given;
      return { mcp: picked().map(({ id }) => id), mcpTools: picked().map((line) => line.settings) };
    },
    isAnyPicked: () => picked().length > 0,
    close: () => requests.abort(),
  };
}

/** Names a server as its line has it: one that is gone, or disabled, says so. */
function nameOf(id: string, server: FlowNode | null | undefined, node: EditedNode): string {
  if (!server) return node._("huggingface-chat.mcp.missing", { id });
  const name = server.name || String(server["url"] ?? "") || id;
  return server.d ? node._("huggingface-chat.group.disabled", { name }) : name;
}

/** Returns the servers that a node may use: global ones, and those of its own subflow. */
function servers(node: EditedNode): FlowNode[] {
  const found: FlowNode[] = [];
  RED.nodes.eachConfig((config) => {
    if (config.type === TYPE && (!config.z || config.z === node.z)) found.push(config);
  });
  return found;
}

/** Reads an entry of `mcpTools`; a flow file may hold anything. */
function readSettings(value: unknown): McpSettings {
  const { use, names, ask, seen } = (typeof value === "object" && value !== null ? value : {}) as Partial<McpSettings>;
  const hashes = typeof seen === "object" && seen !== null ? Object.entries(seen) : [];
  return {
    use: MCP_USES.find((word) => word === use) ?? "all",
    names: Array.isArray(names) ? names.map(String) : [],
    ask: MCP_ASKS.find((word) => word === ask) ?? "changes",
    seen: Object.fromEntries(hashes.filter(([, hash]) => typeof hash === "string")),
  };
}

/** Returns the hashes of the definitions that are shown. As a key, `__proto__` would be lost in Node-RED's copies. */
function seenOf(tools: ListedTool[]): Record<string, string> {
  return Object.fromEntries(tools.filter(({ name }) => name !== "__proto__").map(({ name, hash }) => [name, hash]));
}

function select(
  options: readonly string[],
  value: string,
  what: "use" | "ask",
  words: (key: string) => string,
): HTMLSelectElement {
  const element = make("select", { class: `huggingface-mcp-${what}`, "aria-label": words(what) });
  element.append(...options.map((option) => make("option", { value: option }, words(`${what}_${option}`))));
  element.value = value;
  return element;
}
