/** Replaces secrets in a text by `***`. */
export type Redact = (text: string) => string;

/** Shorter values are no secrets worth the name, and replacing them would garble every text. */
const SHORTEST = 4;

/**
 * Makes the function that keeps secrets out of everything a server sends back: error bodies, headers, stream data.
 * Called once a piece, so it does nothing but search.
 */
export function makeRedact(secrets: Iterable<string | undefined>): Redact {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (!secret || secret.length < SHORTEST) continue;
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
