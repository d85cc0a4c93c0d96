/**
 * Hosts of a server at home, as `URL` writes them: in small letters, addresses of IPv4 in four parts, those of IPv6 in
 * brackets and in their shortest form. Sources: RFC 1122 (this host, loopback), 1918 and 4193 (private), 3927 and 4291
 * (link-local), 6761 and 6762 (names), 8375 (`home.arpa`), and Docker's name for the machine that it runs on.
 */
const HOME = [
  { what: "loopback", pattern: /^(127|0)(\.\d+){3}$|^\[::1?\]$/ },
  { what: "private IPv4", pattern: /^(10(\.\d+){3}|172\.(1[6-9]|2\d|3[01])(\.\d+){2}|192\.168(\.\d+){2})$/ },
  { what: "link-local IPv4", pattern: /^169\.254(\.\d+){2}$/ },
  { what: "private IPv6", pattern: /^\[f[cd][\da-f]{2}:/ },
  { what: "link-local IPv6", pattern: /^\[fe[89ab][\da-f]:/ },
  { what: "a name without a dot", pattern: /^[^.:[\]]+$/ },
  { what: "a name of a home network", pattern: /\.(localhost|local|lan|home\.arpa)$/ },
  { what: "Docker's own machine", pattern: /^host\.docker\.internal$/ },
];

/** An address of IPv4 in one of IPv6, such as `[::ffff:7f00:1]`. */
const MAPPED = /^\[::ffff:([\da-f]{1,4}):([\da-f]{1,4})\]$/;

/** In seconds, where no time-out is set. */
const ELSEWHERE = 30;
/** Until the first piece at a server at home: it may have to load its model, and begins anew if hung up on. */
const LOADING = 300;

/** How long a server may be silent, in seconds; 0 for no limit. */
export interface AllowedSilence {
  /** Until the first piece of the reply. */
  first: number;
  /** Between its pieces. */
  later: number;
}

/** True for a host in the user's own house, as far as its name tells. @param hostname - as in `URL` */
export function isAtHome(hostname: string): boolean {
  const name = withoutMapping(hostname.replace(/\.$/, ""));
  return HOME.some(({ pattern }) => pattern.test(name));
}

/**
 * Returns how long a server may be silent.
 *
 * @param timeout - what the user has set, in seconds; undefined for nothing
 */
export function allowedSilence(hostname: string, timeout?: number): AllowedSilence {
  if (timeout !== undefined) return { first: timeout, later: timeout };
  return { first: isAtHome(hostname) ? LOADING : ELSEWHERE, later: ELSEWHERE };
}

function withoutMapping(name: string): string {
  const [, high, low] = MAPPED.exec(name) ?? [];
  if (high === undefined || low === undefined) return name;
  const parts = [high, low].map((part) => Number.parseInt(part, 16)).flatMap((part) => [part >> 8, part & 255]);
  return parts.join(".");
}
