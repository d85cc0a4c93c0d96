import { goTo } from "../canvas.js";
import { type EditedNode, type FlowNode, make, widget } from "../red.js";

/** A line of the list: a tab or a subflow, or a tool node in it. */
interface Group {
  id: string;
  label: string;
  class: string;
  expanded: boolean;
  children: Item[];
}

interface Item {
  id: string;
  node: FlowNode;
  label: string;
  checkbox: true;
  selected: boolean;
  /** What the widget has made of the line. */
  treeList?: { label: JQuery };
}

/** The list in which the tools of a chat node are picked. */
export interface ToolList {
  /** the picked nodes */
  picked(): FlowNode[];
  /** the property's value: earlier picks keep their place */
  ids(): string[];
}

/**
 * Makes the list of tool nodes, by the tab that they are on: those of the node's own subflow and those on tabs, as core's
 * _link call_ has it.
 *
 * @param element an empty element
 * @param filter the field that filters it
 * @param changed called when a node was picked or unpicked
 */
export function createToolList(element: JQuery, filter: JQuery, node: EditedNode, changed: () => void): ToolList {
  const groups = toolGroups(node);
  const count = groups.flatMap(({ children }) => children).length;
  const highlight = (highlighted: boolean) => (_event: unknown, item: { node?: FlowNode }) => {
    if (!item.node) return;
    Object.assign(item.node, { highlighted, dirty: true });
    RED.view.redraw();
  };
  const tree = widget(element);
  tree
    .treeList({ autoSelect: false, data: groups })
    .on("treelistitemmouseover", highlight(true))
    .on("treelistitemmouseout", highlight(false))
    .on("treelistselect", changed);
  for (const item of groups.flatMap(({ children }) => children))
    item.treeList?.label.append(makeShowButton(node, item));
  $(".huggingface-chat-tools-list").toggle(count > 0);
  $(".huggingface-chat-tools-none").toggle(count === 0);
  widget(filter).searchBox({
    style: "compact",
    delay: 300,
    change: () => {
      const text = String(filter.val() ?? "")
        .trim()
        .toLowerCase();
      const shown = tree.treeList("filter", text && (({ label }: Item) => label.toLowerCase().includes(text)));
      widget(filter).searchBox("count", text && `${shown} / ${count}`);
    },
  });
  const picked = () =>
    (tree.treeList("data") as Group[])
      .flatMap(({ children }) => children)
      .filter(({ selected }) => selected)
      .map((item) => item.node);
  return {
    picked,
    ids: () => {
      const ids = picked().map(({ id }) => id);
      const kept = [node["tools"]].flat().filter((id): id is string => ids.includes(id as string));
      return [...new Set([...kept, ...ids])];
    },
  };
}

/** Makes the button that leads to a tool in its flow. */
function makeShowButton(node: EditedNode, { id, label }: Item): HTMLElement {
  const title = node._("huggingface-chat.button.showTool", { name: label });
  const attributes = { type: "button", class: "red-ui-button red-ui-button-small huggingface-show-tool" };
  const button = make("button", { ...attributes, title, "aria-label": title });
  button.append(make("i", { class: "fa fa-arrow-right" }));
  button.addEventListener("click", (event) => {
    // The line itself would be picked.
    event.stopPropagation();
    event.preventDefault();
    goTo(id);
  });
  return button;
}

function toolGroups(node: EditedNode): Group[] {
  const groups: Group[] = [];
  const addGroup = (id: string, label: string) =>
    groups.push({ id, label, class: "red-ui-palette-header", expanded: true, children: [] });
  const subflow = RED.nodes.subflow(node.z);
  if (subflow) addGroup(subflow.id, node._("huggingface-chat.group.subflow", { name: subflow.name || subflow.id }));
  RED.nodes.eachWorkspace(({ id, label }) => {
    addGroup(id, (label || id) + (id === node.z ? " *" : ""));
  });
  for (const tool of RED.nodes.filterNodes({ type: "huggingface-tool" })) {
    const name = tool.name || tool.id;
    groups
      .find(({ id }) => id === tool.z)
      ?.children.push({
        id: tool.id,
        node: tool,
        label: tool.d ? node._("huggingface-chat.group.disabled", { name }) : name,
        checkbox: true,
        selected: [node["tools"]].flat().includes(tool.id),
      });
  }
  return groups.filter(({ children }) => children.length > 0);
}
