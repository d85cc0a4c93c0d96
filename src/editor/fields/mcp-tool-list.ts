import type { ListedTool, McpSettings } from "../../shared/mcp.js";
import { make } from "../red.js";

/** Lines in the page at the same time: a server may have thousands of tools. */
const MOST_SHOWN = 200;

interface Options {
  tools: ListedTool[];
  /** The names in it are changed. */
  settings: McpSettings;
  /** The hashes that were seen before. */
  before: Record<string, string>;
  /** True if the server's marks count. */
  isBelieved: boolean;
  words(key: string, params?: Record<string, string | number>): string;
  /** Called when something was changed. */
  touch(): void;
}

/** Makes the list of a server's tools, with a field to search it. All that a server says is text, whatever it looks like. */
export function createMcpTools({ tools, settings, before, isBelieved, words, touch }: Options): HTMLElement[] {
  const filter = make("input", { type: "search", class: "huggingface-mcp-filter", "aria-label": words("filter") });
  filter.placeholder = words("filter");
  const count = make("span", { class: "huggingface-hint", role: "status" });
  const list = make("div", { class: "huggingface-mcp-list" });
  const isChanged = ({ name, hash }: ListedTool) =>
    Object.keys(before).length > 0 && !(Object.hasOwn(before, name) && before[name] === hash);
  const line = (tool: ListedTool): HTMLElement => {
    const { name, description = "", annotations } = tool;
    const box = make("input", { type: "checkbox" });
    box.checked = settings.names.includes(name);
    box.addEventListener("change", () => {
      settings.names = settings.names.filter((other) => other !== name);
      if (box.checked) settings.names.push(name);
      touch();
    });
    const marks = [
      ...(annotations?.readOnlyHint === true ? [words(isBelieved ? "readOnly" : "readOnlySaid")] : []),
      ...(isChanged(tool) ? [words("changed")] : []),
    ].map((mark) => make("span", { class: "huggingface-mcp-mark" }, mark));
    const title = make("label", { class: "huggingface-check" }, box, " ", make("bdi", {}, name));
    return make(
      "div",
      { class: "huggingface-mcp-tool" },
      title,
      ...marks,
      make("bdi", { class: "huggingface-hint" }, description),
    );
  };
  const show = () => {
    const wanted = filter.value.trim().toLowerCase();
    const found = tools.filter(({ name, description = "" }) =>
      `${name}\n${description}`.toLowerCase().includes(wanted),
    );
    const shown = found.slice(0, MOST_SHOWN);
    count.textContent = words("count", { shown: shown.length, count: tools.length });
    list.replaceChildren(...shown.map(line));
  };
  filter.addEventListener("input", show);
  show();
  return [make("div", { class: "huggingface-mcp-search" }, filter, count), list];
}
