/**
 * Searches for leaked secrets: in messages, logs, statuses, errors, responses of admin routes, flow files and
 * context stores. Every test with Node-RED passes through here.
 */

/** Fields of credentials that are secret; user names and certificates are not. */
const SECRET_FIELDS = new Set(["token", "password", "passphrase"]);
const ENVIRONMENT = ["HF_TOKEN", "HUGGINGFACE_API_KEY"];
/** Shorter ones occur in texts by chance. */
const SHORTEST = 6;
/** Requests and responses of http nodes, which refer to much of Node-RED. */
const NOT_OURS = new Set(["req", "res", "_req"]);

/** The values of secret headers, which are JSON text of an object. */
function headerValues(json: unknown): unknown[] {
  try {
    return Object.values(JSON.parse(String(json)));
  } catch {
    return [];
  }
}

export class SecretWatch {
  readonly #secrets = new Set<string>();

  /** Takes the secrets among the credentials of a deploy, by node id, and those of the environment. */
  learn(credentials: Record<string, object> = {}): void {
    for (const fields of Object.values(credentials)) {
      for (const [name, value] of Object.entries(fields)) {
        if (SECRET_FIELDS.has(name)) this.#add(value);
        if (name === "secretHeaders") for (const header of headerValues(value)) this.#add(header);
      }
    }
    for (const name of ENVIRONMENT) this.#add(process.env[name]);
  }

  get isIdle(): boolean {
    return this.#secrets.size === 0;
  }

  forget(): void {
    this.#secrets.clear();
  }

  /**
   * Searches a value of any kind completely: keys, values, hidden properties of errors, bytes, maps and sets.
   *
   * @param where - the name of the value, for the report
   * @returns a line for each place that contains a secret
   */
  find(where: string, value: unknown): string[] {
    if (this.isIdle) return [];
    const found: string[] = [];
    const seen = new Set<object>();
    // A list instead of recursion: messages of tests are nested thousands of levels deep.
    const left: [path: string, value: unknown][] = [[where, value]];
    for (let next = left.pop(); next; next = left.pop()) {
      const [path, item] = next;
      if (typeof item === "string") {
        if (this.#isIn(item)) found.push(`${path} holds a secret: ${this.#masked(item)}`);
      } else if (typeof item === "object" && item !== null && !seen.has(item)) {
        seen.add(item);
        for (const [name, inner] of contents(item)) {
          if (this.#isIn(name)) found.push(`${path} has a secret as key`);
          if (!NOT_OURS.has(name)) left.push([path.length > 200 ? path : `${path}.${name}`, inner]);
        }
      }
    }
    return found;
  }

  #add(value: unknown): void {
    if (typeof value !== "string") return;
    const secret = value.trim();
    // Node-RED writes this for an unchanged password; names of variables are not secret.
    if (secret.length < SHORTEST || secret === "__PWRD__" || secret.startsWith("${")) return;
    this.#secrets.add(secret);
    this.#secrets.add(encodeURIComponent(secret));
    this.#secrets.add(Buffer.from(secret).toString("base64").replace(/=+$/, ""));
    this.#secrets.add(Buffer.from(`user:${secret}`).toString("base64").replace(/=+$/, ""));
  }

  #isIn(text: string): boolean {
    for (const secret of this.#secrets) if (text.includes(secret)) return true;
    return false;
  }

  #masked(text: string): string {
    let masked = text;
    for (const secret of this.#secrets) masked = masked.replaceAll(secret, "<SECRET>");
    const at = masked.indexOf("<SECRET>");
    return masked.slice(Math.max(0, at - 60), at + 60);
  }
}

function contents(item: object): [string, unknown][] {
  if (item instanceof Map) return [...item].map(([key, value]) => [String(key), value]);
  if (item instanceof Set) return [...item].map((value, index) => [String(index), value]);
  // Node.js cuts small buffers out of a shared one, which may hold anything of the process.
  if (ArrayBuffer.isView(item)) {
    return [["bytes", Buffer.from(item.buffer, item.byteOffset, item.byteLength).toString("latin1")]];
  }
  // Includes what is not enumerable: message, stack and cause of errors.
  return Reflect.ownKeys(item).flatMap((key): [string, unknown][] => {
    const property = Object.getOwnPropertyDescriptor(item, key);
    return property && "value" in property ? [[String(key), property.value]] : [];
  });
}

/** Finds what JSON has added to `Object.prototype` and the like. */
export function pollution(): string[] {
  return [Object.prototype, Array.prototype, Function.prototype]
    .flatMap((prototype) => Object.keys(prototype))
    .map((name) => `a prototype is polluted with ${name}`);
}
