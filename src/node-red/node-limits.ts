import type { Node, NodeAPI } from "node-red";
import { asRecord, type LimitUse, reasonOf } from "../client/internal";
import { Budget, type Limit } from "../conversation/limits/budget";
import { Meter } from "../conversation/limits/meter";
import { checkEnvironment, readChoice, readNumber } from "../conversation/request/fields";
import { LIMIT_PERIODS, LIMIT_UNITS } from "../shared/limits";
import { ChatError } from "./errors";
import { LimitStore } from "./limit-store";
import { instanceIdOf } from "./red";

/** The limits of a configuration that has some. */
export interface NodeLimits {
  meter: Meter;
  /** Waits until what was counted before is known, at most some seconds. @returns what is used of each limit */
  use(): Promise<LimitUse[]>;
  close(): Promise<void>;
}

/**
 * Opens the limits of a configuration, each Node-RED with counts of its own.
 *
 * @returns undefined where nothing is limited
 * @throws ChatError `invalid_input` for a limit that cannot be read
 */
export function openLimits(RED: NodeAPI, node: Node, limits: unknown): NodeLimits | undefined {
  const read = readLimits(limits);
  if (read.length === 0) return undefined;
  let hasWarned = false;
  const budget = new Budget(read);
  const store = new LimitStore(node, `hf_limits_${instanceIdOf(RED)}`, budget, (reason) => {
    if (!hasWarned) node.warn(RED._("huggingface-config.warning.limits_store", { reason }));
    hasWarned = true;
  });
  return {
    meter: new Meter(budget, store),
    use: async () => {
      await store.ready();
      return budget.use();
    },
    close: () => store.close(),
  };
}

/**
 * Reads the limits; one without an amount is none.
 *
 * @throws ChatError `invalid_input`
 */
function readLimits(limits: unknown): Limit[] {
  return rowsOf(limits).flatMap((row, index) => {
    const name = `limits[${index}]`;
    const { amount, unit, per } = asRecord(row) ?? {};
    if (!asRecord(row)) throw new ChatError("not_an_object", { name });
    if (amount === undefined || amount === null || amount === "") return [];
    return [
      {
        amount: readNumber(amount, `${name}.amount`, 0),
        unit: readChoice(unit, `${name}.unit`, LIMIT_UNITS),
        per: readChoice(per, `${name}.per`, LIMIT_PERIODS),
      },
    ];
  });
}

/** An environment variable holds the list as JSON text. */
function rowsOf(limits: unknown): unknown[] {
  if (limits === undefined || limits === null || limits === "") return [];
  if (typeof limits !== "string") return [limits].flat();
  checkEnvironment(limits, "limits");
  try {
    return [JSON.parse(limits)].flat();
  } catch (error) {
    throw new ChatError("json_invalid", { name: "limits", reason: reasonOf(error) });
  }
}
