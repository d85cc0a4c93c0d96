import { isDemo, isFunctionNamed, isSchemaNeeded, isSchemaUsed, markFields } from "./edited.js";
import { type FlowNode, text } from "./red.js";
import * as validators from "./validators.js";

/** Becomes `resources/validators.js`, which the loader in the html of our nodes loads when the editor opens. */

const { number, choice, flag, address, model, models, headers, contextStore, jsonObject, typedInput } = validators;
const { identifier, limits, otherwise, schema, toolName } = validators;

globalThis.huggingfaceEditor.validators = {
  number,
  choice,
  flag,
  address: (property, needed?: boolean) => address(property, needed),
  model: (property, needed: boolean) => model(property, (node) => needed && !isDemo(node)),
  models,
  headers,
  limits,
  contextStore,
  jsonObject,
  typedInput,
  otherwise,
  toolName,
  functions: () => validators.functions,
  schema: (property) => schema(property, () => false),
  replySchema: (property) => schema(property, isSchemaNeeded),
  schemaName: (property) => identifier(property, isSchemaUsed, false),
  calledFunction: (property) => identifier(property, isFunctionNamed, true),
};

/** Validates the nodes that were there before this script. Configurations first: a node with an invalid one is invalid. */
function validateAll(): void {
  const nodes: FlowNode[] = [];
  const add = (node: FlowNode) => {
    if (node.type.startsWith("huggingface-")) nodes.push(node);
  };
  RED.nodes.eachConfig(add);
  RED.nodes.eachNode(add);
  if (nodes.length === 0) return;
  for (const node of nodes) RED.editor.validateNode(node);
  RED.view.redraw();
  RED.sidebar.config.refresh();
  markFields();
}

validateAll();

// Opens the form of the selected chat node at its last questions. Pages that only validate have no actions.
RED.actions?.add(
  "huggingface:show-questions",
  () => {
    const node = RED.view.selection().nodes?.find(({ type }) => type === "huggingface-chat");
    if (!node) return;
    globalThis.huggingfaceEditor.questionsOf = node.id;
    RED.editor.edit(node);
  },
  { label: text("questions.show") },
);
