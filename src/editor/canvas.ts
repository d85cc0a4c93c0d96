import type { FlowNode } from "./red.js";

/** The code of a new tool's function node. */
const CODE = `// msg.payload has the arguments of the call. What you put there goes back to the model.
msg.payload = { received: msg.payload };
return msg;`;
/** Of the flow of a new tool, from the middle of its first node to that of its last one. */
const WIDTH = 315;
/** Between two lines of nodes; the least distance from the left. */
const LINE = 60;
const LEAST_X = 120;

/**
 * Closes the open form with Done, and calls once it has gone. Nodes that are made while a form is open survive its Cancel, and
 * cannot be undone.
 */
export function leaveForm(then: () => void): void {
  const closed = () => {
    RED.events.off("editor:close", closed);
    then();
  };
  RED.events.on("editor:close", closed);
  $("#node-dialog-ok").last().trigger("click");
}

/** Closes the open form with Done, and shows a node in its flow. */
export function goTo(id: string): void {
  leaveForm(() => RED.view.reveal(id));
}

/**
 * Closes the form of a chat node with Done, picks a new tool in it, and attaches the tool's flow to the mouse. Where there is none
 * that it could hang on, after a key or a touch, the flow is placed below the chat node, chosen for the keys that move nodes.
 * One undo, or Escape before it is placed, takes back both.
 *
 * @param click on the button
 */
export function addTool(chatId: string, click: MouseEvent): void {
  const isByMouse = click.detail > 0 && (click as Partial<PointerEvent>).pointerType !== "touch";
  leaveForm(() => {
    const chat = RED.nodes.node(chatId);
    if (!chat?.z) return;
    RED.workspaces.show(chat.z);
    const place = isByMouse ? { x: 0, y: 0 } : freePlace(chat);
    const [tool, ...others] = toolFlow(place);
    const options = { generateIds: false, addFlow: false, notify: false, touchImport: !isByMouse };
    RED.view.importNodes([tool, ...others], options);
    if (!RED.nodes.node(tool.id)) return;
    pick(chat, tool.id);
    if (!isByMouse) showPlaced([tool, ...others]);
  });
}

/** Finds a place below a node where no other node is. */
function freePlace({ z, x = 0, y = 0 }: FlowNode): { x: number; y: number } {
  const others: FlowNode[] = [];
  RED.nodes.eachNode((node) => {
    if (node.z === z) others.push(node);
  });
  const place = { x: Math.max(x, LEAST_X), y: y + LINE };
  const isTaken = (other: FlowNode) =>
    Math.abs((other.y ?? 0) - place.y) < LINE && Math.abs((other.x ?? 0) - place.x - WIDTH / 2) < WIDTH;
  while (others.some(isTaken)) place.y += LINE;
  return place;
}

/** Shows nodes that were placed, and selects them. */
function showPlaced(nodes: [FlowNode, ...FlowNode[]]): void {
  RED.nodes.dirty(true);
  RED.view.select({ nodes: nodes.flatMap(({ id }) => RED.nodes.node(id) ?? []) });
  RED.view.reveal(nodes[0].id);
  RED.view.focus();
}

/** Returns the nodes of a new tool, wired. */
function toolFlow({ x, y }: { x: number; y: number }): [FlowNode, ...FlowNode[]] {
  const [tool, code, back] = [RED.nodes.id(), RED.nodes.id(), RED.nodes.id()];
  const functionNode = { func: CODE, outputs: 1, timeout: 0, noerr: 0, initialize: "", finalize: "", libs: [] };
  return [
    {
      ...{ id: tool, type: "huggingface-tool", name: unusedName(), description: "", parameters: "", strict: false },
      ...{ x, y, wires: [[code]] },
    },
    { id: code, type: "function", name: "", ...functionNode, x: x + 180, y, wires: [[back]] },
    { id: back, type: "link out", name: "", mode: "return", links: [], x: x + WIDTH, y, wires: [] },
  ];
}

/** Two tools of one name cannot be offered together. */
function unusedName(): string {
  const names = RED.nodes.filterNodes({ type: "huggingface-tool" }).map(({ name }) => name);
  let name = "my_tool";
  for (let number = 2; names.includes(name); number++) name = `my_tool_${number}`;
  return name;
}

/** Picks a tool in a chat node, as part of the change that has just been made. */
function pick(chat: FlowNode, tool: string): void {
  const { tools, changed } = chat;
  const added = RED.history.peek();
  const edited = { t: "edit", node: chat, changes: { tools }, changed, dirty: added.dirty };
  Object.assign(chat, { tools: [...[tools ?? []].flat(), tool], changed: true, dirty: true });
  RED.history.replace({ t: "multi", events: [edited, added], dirty: added.dirty });
  RED.editor.validateNode(chat);
  RED.events.emit("nodes:change", chat);
  RED.view.redraw();
}
