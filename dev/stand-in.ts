import { type Fixture, LLMock } from "@copilotkit/aimock";
import { fixtures } from "./fixtures";

export interface StandInOptions {
  /** asked before our own fixtures */
  extra?: Fixture[];
  /** pieces a second; 0 sends a reply as fast as it goes */
  speed?: number;
  /** on 127.0.0.1; 0 for any */
  port?: number;
}

export interface StandIn {
  /** what goes into a config node as its base URL */
  baseUrl: string;
  server: LLMock;
  stop(): Promise<void>;
}

/** Starts a server on this machine that behaves like Hugging Face's router, for users without a token. */
export async function startStandIn({ extra = [], speed = 25, port = 0 }: StandInOptions = {}): Promise<StandIn> {
  const server = new LLMock({ host: "127.0.0.1", port, chunkSize: 6, logLevel: "silent" });
  server.addFixtures([...extra, ...fixtures].map((fixture) => ({ ...paceOf(speed), ...fixture })));
  const url = await server.start();
  return { baseUrl: `${url}/v1`, server, stop: () => server.stop() };
}

/** Models take a moment to start, then write at a steady pace. */
function paceOf(speed: number): Partial<Fixture> {
  return speed > 0 ? { streamingProfile: { ttft: 200, tps: speed, jitter: 0.2 } } : {};
}
