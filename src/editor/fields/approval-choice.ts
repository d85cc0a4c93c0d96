import { type EditedNode, make } from "../red.js";

/**
 * Fills the field in which the flow that asks a person is chosen: the link in nodes of the node's own subflow and of tabs, by
 * name and tab.
 */
export function fillApprovalChoice(select: HTMLSelectElement, node: EditedNode): void {
  const given = String(node["approval"] ?? "");
  const tabs = new Map<string, string>();
  const subflow = RED.nodes.subflow(node.z);
  if (subflow) {
    tabs.set(subflow.id, node._("huggingface-chat.group.subflow", { name: subflow.name || subflow.id }));
  }
  RED.nodes.eachWorkspace(({ id, label }) => void tabs.set(id, label || id));
  const options = [make("option", { value: "" }, node._("huggingface-chat.mcp.nobody"))];
  for (const { id, name, z, d } of RED.nodes.filterNodes({ type: "link in" })) {
    const tab = tabs.get(String(z));
    const label = `${name || id} (${tab})`;
    const shown = d ? node._("huggingface-chat.group.disabled", { name: label }) : label;
    if (tab !== undefined) options.push(make("option", { value: id }, shown));
  }
  if (!options.some(({ value }) => value === given)) {
    options.push(make("option", { value: given }, node._("huggingface-chat.mcp.missing", { id: given })));
  }
  select.replaceChildren(...options);
  select.value = given;
}
