import type { Node, NodeAPI } from "node-red";
import { ChatError } from "../errors";
import { asNode, findNode } from "../red";
import type { DeployedNodes, Place } from "./deployed";
import type { Variables } from "./variables";

/** A context in which nothing is. */
const NOTHING = {
  get: (_key: string, _store: string | undefined, done: (error: undefined, value: undefined) => void) =>
    done(undefined, undefined),
};

export interface FormNodeOptions {
  RED: NodeAPI;
  nodes: DeployedNodes;
  /** Where the node stands. */
  place: Place;
  /** Takes note of the variables that are read. */
  variables: Variables;
  /** True if variables and contexts may be read, since what is in them may go to the server. */
  isTrusted: boolean;
  onWarning(text: string): void;
  /** Called with the error before it is thrown: Node-RED makes one of its own of it. */
  onWithheld?(error: ChatError): void;
}

/**
 * Makes a node of what is in an open form, for what its typed inputs read: contexts and variables as the deployed node has
 * them, or one beside it.
 *
 * @returns a node whose contexts and variables throw `secret_withheld` where they may not be read
 */
export function formNode({ nodes, place, variables, isTrusted, onWarning, onWithheld }: FormNodeOptions): Node {
  const lookup = nodes.lookup(place);
  const check = (name: string) => {
    if (isTrusted) return;
    const error = new ChatError("secret_withheld", { name });
    onWithheld?.(error);
    throw error;
  };
  return asNode({
    id: String(place.id ?? ""),
    name: String(place.name ?? ""),
    warn: onWarning,
    context: () => {
      check("context");
      return nodes.runningAt(place)?.context() ?? { flow: NOTHING, global: NOTHING };
    },
    _flow: {
      getSetting: (name) => {
        check(name);
        const value = lookup(name);
        variables.note(name, value);
        return value;
      },
    },
  });
}

/** Returns the chat node that runs as the form's node was deployed; undefined for one that does not. */
export function runningChat(RED: NodeAPI, nodes: DeployedNodes, id: unknown): Node | undefined {
  return nodes.get(id, "huggingface-chat") && typeof id === "string" ? findNode(RED, id) : undefined;
}
