import type { Installed, Start } from "./install";
import type { Conversations, Effort, Long, Paced, Speed } from "./measure";
import type { Contestant } from "./processes";

/** What was measured; parts that were left out are absent. */
export interface Results {
  effort: Effort;
  /** How many processes wanted the machine when it began, by its load average. */
  load: number;
  nodeRed?: string;
  speed?: Partial<Record<Contestant, Speed>>;
  paced?: Partial<Record<Contestant, Paced[]>>;
  long?: Long;
  conversations?: Conversations[];
  installed?: Installed;
  starts?: Record<"without" | "ours", Start[]>;
}
