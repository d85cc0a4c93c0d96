import { isTooDeep } from "../nesting";
import type { AssistantMessage } from "../types";
import { asRecord, toJson } from "../unknown";

/** Lists of a message that are kept as they come. */
const LISTS = ["annotations", "images"] as const;

/** Collects what a message has beside its text, reasoning and calls: a refusal, citations, images, sound. */
export class MessageFields {
  readonly #lists: Partial<Record<(typeof LISTS)[number], unknown[]>> = {};
  /** Entries that have come, as JSON text: some servers send all of them with each chunk. */
  readonly #known = new Set<string>();
  #audio: Record<string, unknown> | undefined;
  /** Pieces of the sound, in base64. */
  readonly #sound: string[] = [];
  #refusal = "";

  addRefusal(text: string): void {
    this.#refusal += text;
  }

  /** Takes a delta, or the choice around it. @returns true if it brought something new */
  add(delta: Record<string, unknown>): boolean {
    let hasNew = false;
    for (const name of LISTS) {
      const list = delta[name];
      if (!Array.isArray(list)) continue;
      for (const entry of list) {
        const json = name + toJson(entry);
        if (json !== name && this.#known.has(json)) continue;
        this.#known.add(json);
        this.#lists[name] ??= [];
        this.#lists[name].push(entry);
        hasNew = true;
      }
    }
    const audio = asRecord(delta["audio"]);
    if (audio) this.#addAudio(audio);
    return hasNew || audio !== undefined;
  }

  /** @returns the names of fields that are left out since they are nested too deep */
  addTo(message: AssistantMessage): string[] {
    if (this.#refusal) message.refusal = this.#refusal;
    const found: Partial<AssistantMessage> = { ...this.#lists };
    if (this.#audio) found.audio = { ...this.#audio, ...(this.#sound.length > 0 && { data: joinBase64(this.#sound) }) };
    const leftOut: string[] = [];
    for (const [name, value] of Object.entries(found)) if (isTooDeep(value)) leftOut.push(name);
    for (const name of leftOut) delete found[name as keyof AssistantMessage];
    Object.assign(message, found);
    return leftOut;
  }

  #addAudio(audio: Record<string, unknown>): void {
    this.#audio ??= {};
    for (const [name, value] of Object.entries(audio)) {
      if (value === null || name === "__proto__") continue;
      if (name === "data" && typeof value === "string") this.#sound.push(value);
      else if (name === "transcript") this.#audio[name] = `${this.#audio[name] ?? ""}${value}`;
      else this.#audio[name] = value;
    }
  }
}

/** Joins pieces, each of which may have been encoded for itself. */
function joinBase64(pieces: string[]): string {
  if (pieces.slice(0, -1).every((piece) => !piece.endsWith("="))) return pieces.join("");
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64"))).toString("base64");
}
