import type { Installed, Start } from "./install";
import type { Conversations, Effort, Long, Paced, Small, Speed } from "./measure";
import type { Contestant } from "./processes";

/** The results; parts that were not measured are absent. */
export interface Results {
  effort: Effort;
  /** The load average of the machine at the start. */
  load: number;
  nodeRed?: string;
  speed?: Partial<Record<Contestant, Speed>>;
  paced?: Partial<Record<Contestant, Paced[]>>;
  long?: Long;
  conversations?: Conversations[];
  small?: Small;
  installed?: Installed;
  starts?: Record<"without" | "ours", Start[]>;
}
