/** Replaces secrets in a text by `***`. */
export type Redact = (text: string) => string;

/** Shorter values are no secrets worth the name, and replacing them would garble every text. */
const SHORTEST = 4;
/**
 * In replies only what can be nothing but a secret is replaced: local servers are given tokens like `ollama` or `1234`,
 * and a model may well write these.
 */
const SHORTEST_IN_REPLY = 8;

/** The functions that keep secrets out of what a server sends back. */
export interface Redaction {
  /** For error bodies and headers. */
  error: Redact;
  /** For the data of replies, before it is parsed. Called for every piece, so it does nothing but search. */
  reply: Redact;
  /** The same for JSON text that stands as text in a reply, in which characters may be written in a roundabout way. */
  json: Redact;
  /** What `reply` looks for, the longest first. */
  needles: readonly string[];
}

/** @param secrets - tokens, secret header values, proxy passwords */
export function makeRedaction(secrets: Iterable<string | undefined>): Redaction {
  const known = [...secrets].filter((secret) => secret !== undefined);
  const needles = formsOf(known.filter(isUnmistakable));
  const reply = makeRedact(needles);
  return {
    error: makeRedact(formsOf(known.filter((secret) => secret.length >= SHORTEST))),
    reply,
    json: (text) => {
      const redacted = reply(text);
      if (needles.length === 0 || !hasAsciiEscape(redacted)) return redacted;
      const plain = unescaped(redacted);
      return plain === undefined || reply(plain) === plain ? redacted : reply(plain);
    },
    needles,
  };
}

function isUnmistakable(secret: string): boolean {
  if (/^hf_/.test(secret)) return secret.length >= SHORTEST;
  return secret.length >= SHORTEST_IN_REPLY && !/^\d+$/.test(secret);
}

/** Whether a JSON text writes plain characters in a roundabout way (`\/`, `\u0065`), in which a secret is not found. */
export function hasAsciiEscape(json: string): boolean {
  // Most pieces escape nothing at all, which one search tells.
  return json.includes("\\") && (json.includes("\\/") || json.includes("\\u00"));
}

/** The JSON text as we would write it; undefined if it is none. */
function unescaped(json: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(json));
  } catch {
    return undefined;
  }
}

/** The ways in which secrets are written, the longest first, so that one that contains another goes as a whole. */
function formsOf(secrets: string[]): string[] {
  const forms = new Set<string>();
  for (const secret of secrets) {
    forms.add(secret);
    forms.add(encodeURIComponent(secret));
    forms.add(JSON.stringify(secret).slice(1, -1));
  }
  return [...forms].sort((a, b) => b.length - a.length);
}

function makeRedact(needles: readonly string[]): Redact {
  // Where `hf_…` is not, `Bearer hf_…` is neither: mostly one search tells that there is nothing to do.
  const innermost = needles.filter((needle) => !needles.some((other) => other !== needle && needle.includes(other)));
  return (text) => {
    if (!innermost.some((needle) => text.includes(needle))) return text;
    for (const needle of needles) {
      if (text.includes(needle)) text = text.replaceAll(needle, "***");
    }
    return text;
  };
}
