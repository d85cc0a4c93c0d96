import type { LimitsResponse } from "../../shared/admin-api.js";
import { LIMIT_BOXES } from "../../shared/limits.js";
import type { EditedNode } from "../red.js";
import { shownText } from "../shown-text.js";

/** The boxes for the two limits that most people want. */
export interface LimitBoxes {
  /** the property's value; the given one while nothing was changed */
  value(): unknown;
}

interface Row {
  amount?: unknown;
  unit?: unknown;
  per?: unknown;
}

/**
 * Brings the boxes to life. Other limits in the property stay as they are.
 *
 * @param given the property's value: a list of `{ amount, unit, per }`
 * @param boxes the inputs, in the order of `LIMIT_BOXES`
 */
export function createLimitBoxes(given: unknown, boxes: HTMLInputElement[]): LimitBoxes {
  const rows = rowsOf(given);
  for (const [index, box] of boxes.entries()) {
    box.value = shownText(rows.find(isOf(index))?.amount ?? "");
    const mark = () => box.classList.toggle("input-error", !isAmount(box.value.trim()));
    box.addEventListener("input", mark);
    mark();
  }
  const written = () => boxes.map(({ value }) => value.trim());
  const before = JSON.stringify(written());
  return {
    value: () => {
      if (JSON.stringify(written()) === before) return given;
      return written().reduce((all, amount, index) => withAmount(all, amount, index), rows);
    },
  };
}

/** Shows how much of the limits is used, where the configuration runs with some. */
export function showUsedLimits(node: EditedNode, hint: JQuery): void {
  $.getJSON(`huggingface/limits/${encodeURIComponent(node.id)}`, ({ limits }: Partial<LimitsResponse>) => {
    const texts = (limits ?? []).map(({ amount, unit, per, used, resets_at }) =>
      node._("huggingface-config.limit.used", {
        used: String(used),
        amount: String(amount),
        unit: node._(`huggingface-config.limit.${unit}_${per}`),
        until: new Date(resets_at).toLocaleString(),
      }),
    );
    hint.text(texts.join(" "));
  });
}

function withAmount(rows: Row[], amount: string, index: number): Row[] {
  const at = rows.findIndex(isOf(index));
  if (amount === "") return at < 0 ? rows : rows.toSpliced(at, 1);
  const value = Number.isNaN(Number(amount)) ? amount : Number(amount);
  return at < 0 ? [...rows, { amount: value, ...LIMIT_BOXES[index] }] : rows.with(at, { ...rows[at], amount: value });
}

function isOf(index: number): (row: Row) => boolean {
  const box = LIMIT_BOXES[index];
  return (row) => row?.unit === box?.unit && row?.per === box?.per;
}

/** Returns the rows of the property; a flow file from elsewhere may hold anything. */
function rowsOf(given: unknown): Row[] {
  if (Array.isArray(given)) return given;
  return typeof given === "object" && given !== null ? [given] : [];
}

/** True for what stands for an amount, blank, or a variable. */
export function isAmount(written: string): boolean {
  if (written === "" || /^\$\{[^}]+\}$/.test(written)) return true;
  return /^\+?(\d+\.?\d*|\.\d+)$/.test(written) && Number(written) > 0;
}
