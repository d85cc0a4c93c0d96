import type { Node, NodeAPI, NodeMessage, NodeMessageInFlow } from "node-red";
import type { PromptProgress } from "../client/internal";
import { copyWithout } from "./message-copy";
import { isWired } from "./red";
import { LEFT_OUT } from "./stream-output";

/** The output for Stream messages. */
const STREAM = 1;

/** A message of output 2 that says how much of the prompt the server has read. It is no part of the text: it has no `parts`. */
export interface ProgressMessage extends NodeMessage {
  payload: "";
  progress: PromptProgress;
}

/** Takes what a server says of its reading. */
export type ProgressOutput = (progress: PromptProgress) => void;

/**
 * Prepares the progress messages of a question. Each is independent of the others and of the input.
 *
 * @param input - the question's message as it is now; later changes to it do not show
 * @param held - the properties that held the prompt and the images
 * @returns undefined where output 2 is not wired
 */
export function progressOutput(
  RED: NodeAPI,
  node: Node,
  input: NodeMessageInFlow,
  held: readonly string[],
  send: (msg: (NodeMessage | null)[]) => void,
): ProgressOutput | undefined {
  if (!isWired(node, STREAM)) return undefined;
  const base = copyWithout(RED, input, [...LEFT_OUT, "parts"], held);
  return ({ processed, total }) => {
    const message: ProgressMessage = { payload: "", progress: { processed, total } };
    send([null, { ...RED.util.cloneMessage(base as NodeMessage), ...message }]);
  };
}
