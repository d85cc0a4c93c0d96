import { startStandIn } from "./stand-in";

export interface ChosenServer {
  /** for a config node; the nodes themselves take the token from the environment */
  baseUrl: string;
  /** one line for the user: which server it is, and why */
  explanation: string;
  stop(): Promise<void>;
}

/** Hugging Face's router if there is a token for it in `HF_TOKEN`, else a stand-in on this machine. */
export async function chooseServer(): Promise<ChosenServer> {
  if (process.env.HF_TOKEN) {
    return {
      baseUrl: "https://router.huggingface.co/v1",
      explanation: "HF_TOKEN is set: questions go to Hugging Face, https://router.huggingface.co.",
      stop: async () => {},
    };
  }
  const { baseUrl, stop } = await startStandIn();
  return {
    baseUrl,
    explanation: `HF_TOKEN is not set: questions go to a stand-in on this machine, ${baseUrl}.`,
    stop,
  };
}
