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
}

/** @param secrets - tokens, secret header values, proxy passwords */
export function makeRedaction(secrets: Iterable<string | undefined>): Redaction {
  const known = [...secrets].filter((secret) => secret !== undefined);
  return {
    error: makeRedact(known.filter((secret) => secret.length >= SHORTEST)),
    reply: makeRedact(known.filter(isUnmistakable)),
  };
}

function isUnmistakable(secret: string): boolean {
  if (/^hf_/.test(secret)) return secret.length >= SHORTEST;
  return secret.length >= SHORTEST_IN_REPLY && !/^\d+$/.test(secret);
}

/** Whether a JSON text writes plain characters in a roundabout way (`\/`, `\u0065`), in which a secret is not found. */
export function hasAsciiEscape(json: string): boolean {
  return json.includes("\\/") || json.includes("\\u00");
}

function makeRedact(secrets: string[]): Redact {
  const forms = new Set<string>();
  for (const secret of secrets) {
    forms.add(secret);
    forms.add(encodeURIComponent(secret));
    forms.add(JSON.stringify(secret).slice(1, -1));
  }
  // The longest first, so that a secret which contains another one goes as a whole.
  const needles = [...forms].sort((a, b) => b.length - a.length);
  return (text) => {
    for (const needle of needles) {
      if (text.includes(needle)) text = text.replaceAll(needle, "***");
    }
    return text;
  };
}
