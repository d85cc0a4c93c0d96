import { asRecord, toJson } from "../../client/internal";
import type { DefaultsOf, Field, NameOf, WordsOf } from "../../shared/field";
import { inFileOrder } from "../../shared/file-order";
import { ChatError } from "../errors";

/** Readers for fields of forms and messages. Flow files may hold numbers, switches and JSON as text. */

export type Fields = Record<string, unknown>;

/**
 * Reads an object, or the JSON text of one.
 *
 * @param name - the field's name, for errors
 * @throws ChatError `invalid_input` if it is neither
 */
export function readObject(value: unknown, name: string): Fields {
  if (value === undefined || value === null || value === "") return {};
  let parsed = value;
  if (typeof value === "string") {
    if (value.trim() === "") return {};
    checkEnvironment(value, name);
    try {
      parsed = JSON.parse(value);
    } catch (error) {
      throw new ChatError("json_invalid", { name, reason: (error as Error).message });
    }
  }
  const object = asRecord(parsed);
  if (!object) throw new ChatError("not_an_object", { name });
  return object;
}

/**
 * Reads a number, or the text of one. Does not round.
 *
 * @param least - the smallest number that is valid
 * @throws ChatError `invalid_input`
 */
export function readNumber(value: unknown, name: string, least = Number.NEGATIVE_INFINITY): number {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number) || number < least) {
    checkEnvironment(value, name);
    throw new ChatError("option_number", { name, value: show(value) });
  }
  return number;
}

/**
 * Reads a boolean, or the text of one.
 *
 * @throws ChatError `invalid_input`
 */
export function readBoolean(value: unknown, name: string): boolean {
  const text = typeof value === "string" ? value.trim().toLowerCase() : value;
  if (text === true || text === "true" || text === "1") return true;
  if (text === false || text === "false" || text === "0") return false;
  checkEnvironment(value, name);
  throw new ChatError("option_boolean", { name, value: show(value) });
}

/**
 * Reads one of several words.
 *
 * @throws ChatError `invalid_input`
 */
export function readChoice<T extends string>(value: unknown, name: string, choices: readonly T[]): T {
  const choice = choices.find((word) => word === value);
  if (choice !== undefined) return choice;
  checkEnvironment(value, name);
  throw new ChatError("option_choice", { name, value: show(value), choices: choices.join(", ") });
}

/** Returns the defaults of a form, in the order of a flow file. */
export function defaultsOf<const Fields extends readonly Field[]>(fields: Fields): DefaultsOf<Fields> {
  return Object.fromEntries(inFileOrder(fields).map(({ name, default: value }) => [name, value])) as DefaultsOf<Fields>;
}

/** Readers for the fields of a form as `src/shared` describes them. They throw ChatError `invalid_input`. */
export interface FormReader<Fields extends readonly Field[]> {
  /** Reads a number that is not below the field's limit. */
  number(form: object, name: NameOf<Fields, "number">): number;
  /** Reads a flag. */
  boolean(form: object, name: NameOf<Fields, "flag">): boolean;
  /** Reads one of the field's words. */
  choice<Name extends keyof WordsOf<Fields> & string>(form: object, name: Name): WordsOf<Fields>[Name];
}

/** Makes the readers for the fields of a form. */
export function formReader<const Fields extends readonly Field[]>(fields: Fields): FormReader<Fields> {
  const byName = new Map(fields.map((field) => [field.name, field]));
  const held = (form: object, name: string): unknown => (form as Record<string, unknown>)[name];
  return {
    number: (form, name) => {
      const { min, leastRead = min } = byName.get(name) ?? {};
      return readNumber(held(form, name), name, leastRead);
    },
    boolean: (form, name) => readBoolean(held(form, name), name),
    choice: (form, name) => readChoice(held(form, name), name, byName.get(name)?.choices ?? []) as never,
  };
}

/** Refuses a `${NAME}`: it stays where the environment has no such variable. @throws ChatError `env_missing` */
export function checkEnvironment(value: unknown, field: string): void {
  const name = typeof value === "string" ? /^\$\{(\S+)\}$/.exec(value.trim())?.[1] : undefined;
  if (name) throw new ChatError("env_missing", { name, field });
}

/** @throws ChatError `invalid_input` if the value is not text */
export function readText(value: unknown, name: string): string {
  if (typeof value !== "string") throw new ChatError("option_text", { name });
  checkEnvironment(value, name);
  return value;
}

/**
 * Reads one or several stop sequences. Returns an array even for one, since some servers refuse a string.
 *
 * @throws ChatError `invalid_input`
 */
export function readStop(value: unknown, name: string): string[] | null {
  const list = Array.isArray(value) ? value : [value];
  if (!list.every((sequence) => typeof sequence === "string")) throw new ChatError("option_stop", { name });
  for (const sequence of list) checkEnvironment(sequence, name);
  return list.length > 0 ? list : null;
}

function show(value: unknown): string {
  const text = typeof value === "string" ? value : toJson(value) || typeof value;
  return text.slice(0, 80);
}
