/** The admin routes behind the forms, below `/huggingface`: what the editor sends, and what it gets. */

/** Stands for a password that the editor does not know, as in Node-RED's own credentials. */
export const UNCHANGED = "__PWRD__";

/** The value of a secret header: the one that was typed, or the one that Node-RED has stored for a header of this name. */
export type SecretValue = string | { stored: string };

/** The secret headers of a configuration, by name. */
export type SecretHeaders = Record<string, SecretValue>;

/** Body of `POST /test` and `POST /models`: a configuration as its open form has it. */
export interface ConfigForm {
  id: string;
  def: Record<string, unknown>;
  /** The token field; `UNCHANGED` for the stored one. */
  token: string;
  /** `undefined` for all that are stored. */
  secretHeaders: SecretHeaders | undefined;
}

/** Body of `POST /try`. */
export interface TryForm {
  /** Counts as `msg.payload`, or where the node's prompt is another property of the message, as that. */
  prompt: string;
  /** A whole message as JSON text, in place of the prompt. */
  message?: string;
  /** Further images, as data URIs. */
  images?: string[];
  /** Further sound, likewise. */
  audio?: string[];
  /** True: calls are carried out by the flows of tool nodes and by MCP servers, as they are deployed. */
  runTools?: boolean;
  /** True: the response has lines with the requests as they are sent. */
  wantsRequest?: boolean;
  /** The properties of the chat node, with its id and place. */
  chat: Record<string, unknown>;
  /** The properties of the tool nodes that it may call. */
  tools: object[];
  config: ConfigForm | undefined;
  /** The configuration that is asked where the first one cannot be reached. */
  otherwise?: ConfigForm | undefined;
}

/** What is sent after a deploy, and is not sent from the form. */
export interface Withheld {
  /** A token is stored for another address. */
  isTokenWithheld?: true;
  /** Values of secret headers are stored for another address. */
  isHeaderWithheld?: true;
  /** The environment has a token that may go to this address once it is deployed. */
  isEnvironmentWithheld?: true;
}

/** Response of every route to a request that fails, with status 200: an error in Node-RED's language. */
export interface ErrorResponse extends Withheld {
  error: { code: string; message: string };
}

/** Whose token was sent to Hugging Face's router. */
export interface TokenOwner {
  name: string;
  isOrganization: boolean;
  /** `read`, `write` or `fineGrained`; blank where nobody says. */
  kind: string;
  /** The name that its owner gave the token. */
  tokenName?: string;
  /** True if it lacks the permission to ask models. */
  isPermissionMissing: boolean;
  /** Organizations that can be billed with it. */
  organizations: string[];
}

/** What `POST /test` tells beside its result, or beside its error. */
export interface TestOwner {
  /** Only at Hugging Face's router, with a token. */
  account?: TokenOwner;
}

/** Response of `POST /test`. */
export interface TestResponse extends Withheld, TestOwner {
  model: string;
  host: string;
  ms: number;
  provider?: string;
  /** Window of the model's context, in tokens, where the server tells it. */
  window?: number;
}

/** Response of `POST /models` and `GET /models/:id`. */
export interface ModelsResponse<Model = unknown> extends Withheld {
  models: Model[];
}

/** Response of `GET /environment/:id`: the variable that the token comes from. */
export interface EnvironmentResponse {
  variable?: string | undefined;
}

/** Response of `GET /headers/:id`: the names of the stored secret headers. */
export interface HeadersResponse {
  names: string[];
}

/** Response of `GET /limits/:id`: what is used of the limits of a configuration that runs. */
export interface LimitsResponse {
  limits: { amount: number; unit: string; per: string; used: number; resets_at: string }[];
}

/** A line of the response of `POST /try`: one delta each, and at the end `done` or `error`. */
export interface TryLine extends Partial<ErrorResponse> {
  text?: string;
  reasoning?: string;
  request?: TryRequest;
  done?: TryDone;
}

/** A request as it was sent, with `***` or the names of variables in the place of secrets. */
export interface TryRequest {
  url: string;
  headers: Record<string, string>;
  body: unknown;
}

/** A call that a tool flow has carried out. */
export interface TryCall {
  name: string;
  arguments: unknown;
  result?: string;
  error?: string;
  ms: number;
}

/** The end of a reply in `POST /try`. */
export interface TryDone extends Withheld {
  calls: { name: string; arguments: unknown }[];
  /** Calls that were carried out. */
  ran?: TryCall[];
  /** What a question would warn of. */
  warnings?: string[];
  /** The conversation that was read, and not written. */
  conversation?: { key: string; messages: number };
  /** The reply as JSON, where it was asked for. */
  reply?: unknown;
  finish_reason?: string | undefined;
  model?: string | undefined;
  provider?: string | undefined;
  /** The models that failed before, with their errors. */
  fallbacks?: object[] | undefined;
  usage?: TokenCounts;
  timing: { first_ms?: number; total_ms: number; tokens_per_second?: number };
  /** In USD. */
  cost?: number | undefined;
}

/** What is noted of a question that has ended: numbers and names, never a text. */
export interface QuestionFigures extends TokenCounts {
  /** When it ended, in ms since 1970. */
  at: number;
  model?: string;
  provider?: string;
  /** In USD. */
  cost?: number;
  first_ms?: number;
  total_ms: number;
  rounds: number;
  /** Its finish reason, or the code of its error. */
  ended: string;
  hasFailed: boolean;
}

/** Response of `GET /questions/:id`: the last questions of a chat node, the newest last. */
export interface QuestionsResponse {
  questions: QuestionFigures[];
}

/** Response of `GET /totals/:id`: what a configuration's questions came to since Node-RED started. */
export interface TotalsResponse {
  /** When it was first used, in ms since 1970; absent if it was not. */
  since?: number;
  questions: number;
  failed: number;
  prompt_tokens: number;
  completion_tokens: number;
  /** In USD, of those whose cost is known. */
  cost: number;
}

/** Response of `POST /next`: the next message that a chat node got, as JSON text. */
export interface NextMessageResponse {
  message: string;
}

/** A line of the response of `POST /texts`: when keeping ends, in ms since 1970, or the texts of a question. */
export interface TextsLine extends Partial<ErrorResponse> {
  until?: number;
  kept?: KeptTexts;
}

/** The texts of one question. */
export interface KeptTexts {
  at: number;
  prompt: string;
  reply: string;
}

/** Usage under the API's names. */
export interface TokenCounts {
  prompt_tokens?: number;
  completion_tokens?: number;
  total_tokens?: number;
}
