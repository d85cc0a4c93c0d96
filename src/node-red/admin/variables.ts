import { asChatError, type ChatError, makeRedaction, oneLine, type Redaction } from "../../client/internal";
import type { Lookup } from "./deployed";

/** As Node-RED replaces them: the whole of a value, also in its old form with round brackets. */
const VARIABLE = /^\$(?:\{(\S+)\}|\((\S+)\))$/;
/** So many characters of a value in an error are no chance, but a part of it: errors quote, and cut what they quote. */
const SHORTEST_PART = 8;

/** Returns the name of the variable that a text stands for. */
function variableIn(text: string): string | undefined {
  const [, name, old] = VARIABLE.exec(text) ?? [];
  return name ?? old;
}

/** True if a value of any kind contains a variable, as deep as `resolve` looks. Blanks around it are those of a mistake. */
export function holdsVariable(value: unknown): boolean {
  if (typeof value === "string") return variableIn(value.trim()) !== undefined;
  return typeof value === "object" && value !== null && Object.values(value).some(holdsVariable);
}

/**
 * The variables that a form holds. Whoever may use a form need not know their values: what goes to the browser has
 * `${NAME}` in their place.
 */
export class Variables {
  /** What stands in place of each value. */
  readonly #shownAs = new Map<string, string>();
  #redaction: Redaction | undefined;

  /** Puts the values into what a form holds. One that nobody has set leaves its name, which is an error where it is read. */
  resolve<T>(value: T, lookup: Lookup): T {
    if (typeof value === "string") {
      const name = variableIn(value);
      const found = name === undefined ? undefined : lookup(name);
      if (found === undefined || found === null) return value;
      this.#note(found, `\${${name}}`);
      return found as T;
    }
    return mapItems(value, (item) => this.resolve(item, lookup));
  }

  /** Takes note of a value that was found in another way, so that it is hidden, too. */
  note(name: string, value: unknown): void {
    if (value !== undefined && value !== null) this.#note(value, `\${${name}}`);
  }

  /** Returns the redaction for texts of a server: values of four and more characters, in a model's reply of eight and more. */
  get redaction(): Redaction {
    this.#redaction ??= makeRedaction([...this.#shownAs].map(([value, shownAs]) => ({ value, shownAs })));
    return this.#redaction;
  }

  /** Hides values in a short text such as the name of a model: also a short value that is all of it. */
  hide(text: string): string {
    return this.#shownAs.get(text) ?? this.redaction.error(text);
  }

  /** Hides values, and parts of them, in a text that may quote one. */
  hideParts(text: string): string {
    let hidden = this.hide(text);
    for (const [value, shownAs] of this.#shownAs) hidden = hidePartsOf(value, hidden, shownAs);
    return hidden;
  }

  /** Hides values in an error. */
  hideError(error: unknown): ChatError {
    const known = asChatError(error);
    if (this.#shownAs.size === 0) return known;
    const params = Object.entries(known.params).map(([name, value]) => [name, this.hideParts(String(value))]);
    return known.withParams(Object.fromEntries(params));
  }

  #note(value: unknown, shownAs: string): void {
    if (typeof value === "object" && value !== null) {
      for (const item of Object.values(value)) this.#note(item, shownAs);
    } else if (value !== "") {
      const text = String(value);
      // As errors have it first: they hold more of it in one piece.
      for (const form of [oneLine(text), text.trim(), text]) this.#shownAs.set(form, shownAs);
      this.#redaction = undefined;
    }
  }
}

/** Replaces the texts in a value of any kind. */
export function mapTexts<T>(value: T, change: (text: string) => string): T {
  return typeof value === "string" ? (change(value) as T) : mapItems(value, (item) => mapTexts(item, change));
}

function mapItems<T>(value: T, change: (item: unknown) => unknown): T {
  if (Array.isArray(value)) return value.map(change) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, change(item)])) as T;
}

function hidePartsOf(value: string, text: string, shownAs: string): string {
  if (Math.min(value.length, text.length) < SHORTEST_PART) return text;
  const parts = new Set<string>();
  for (let at = 0; at + SHORTEST_PART <= value.length; at++) parts.add(value.slice(at, at + SHORTEST_PART));
  let hidden = "";
  let shownTo = 0;
  for (let at = 0; at + SHORTEST_PART <= text.length; at++) {
    if (!parts.has(text.slice(at, at + SHORTEST_PART))) continue;
    if (at > shownTo || hidden === "") hidden += text.slice(shownTo, at) + shownAs;
    shownTo = Math.max(shownTo, at + SHORTEST_PART);
  }
  return hidden + text.slice(shownTo);
}
