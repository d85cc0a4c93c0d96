import { startStandIn } from "./stand-in";

export interface ChosenServer {
  /** for a config node; the nodes themselves take the token from the environment */
  baseUrl: string;
  /** one line for the user: which server it is, and why */
  explanation: string;
  stop(): Promise<void>;
}

/**
 * Returns Hugging Face's router if `HF_TOKEN` has a token for it, otherwise starts a stand-in on this machine.
 *
 * @param port - of the stand-in; 0 for any
 */
export async function chooseServer(port = 0): Promise<ChosenServer> {
  if (process.env.HF_TOKEN) {
    return {
      baseUrl: "https://router.huggingface.co/v1",
      explanation: "HF_TOKEN is set: questions go to Hugging Face, https://router.huggingface.co.",
      stop: async () => {},
    };
  }
  const { baseUrl, stop } = await startStandIn({ port });
  return {
    baseUrl,
    explanation: `HF_TOKEN is not set: questions go to a stand-in on this machine, ${baseUrl}.`,
    stop,
  };
}
