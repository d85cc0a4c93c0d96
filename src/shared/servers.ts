import { DEMO_URL } from "./limits.js";

/** What the form says beside a server: which token, which models, how long it may take. */
export type ServerKind = "hub" | "endpoint" | "local" | "other" | "demo";

/** A server that the form of a configuration offers. Its label is `server.<id>` in the catalogue. */
export interface Server {
  id: string;
  kind: ServerKind;
  /** The base URL that choosing it fills in; "" for one that only the user knows. */
  address: string;
}

/**
 * The servers in the order of the form. Ports are the defaults of each: Ollama's FAQ, llama.cpp's `server`, LM Studio's
 * developer page, `vllm serve`, SGLang's `launch_server`.
 */
export const SERVERS: readonly Server[] = [
  { id: "huggingface", kind: "hub", address: "https://router.huggingface.co/v1" },
  { id: "endpoint", kind: "endpoint", address: "" },
  { id: "ollama", kind: "local", address: "http://localhost:11434/v1" },
  { id: "llamacpp", kind: "local", address: "http://localhost:8080/v1" },
  { id: "lmstudio", kind: "local", address: "http://localhost:1234/v1" },
  { id: "vllm", kind: "local", address: "http://localhost:8000/v1" },
  { id: "sglang", kind: "local", address: "http://localhost:30000/v1" },
  { id: "other", kind: "other", address: "" },
  { id: "demo", kind: "demo", address: DEMO_URL },
];

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;
const ENDPOINT = /\.endpoints\.huggingface\.cloud$/;

/** Returns the server of a base URL: the one of this address, whichever way it is written; "other" for all else. */
export function serverOf(baseUrl: string): Server {
  const address = normal(baseUrl);
  const isEndpoint = URL.canParse(address) && ENDPOINT.test(new URL(address).hostname);
  const found = isEndpoint
    ? SERVERS.find(({ kind }) => kind === "endpoint")
    : SERVERS.find((server) => server.address !== "" && normal(server.address) === address);
  return found ?? OTHER;
}

const OTHER: Server = { id: "other", kind: "other", address: "" };

/** Writes addresses that mean the same in one way: blank is Hugging Face, and a path may be left out. */
function normal(baseUrl: string): string {
  const written = baseUrl.trim();
  if (written === "") return normal(SERVERS[0]?.address ?? "");
  if (written === DEMO_URL || !URL.canParse(written)) return written;
  const { protocol, hostname, port, pathname, search } = new URL(written);
  const host = LOOPBACK.test(hostname) ? "localhost" : hostname;
  const path = pathname.replace(/\/+$/, "").replace(/\/chat\/completions$/, "") || "/v1";
  return `${protocol}//${host}:${port}${path}${search}`;
}
