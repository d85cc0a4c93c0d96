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
  prompt: string;
  /** The properties of the chat node, with its id and place. */
  chat: Record<string, unknown>;
  /** The properties of the tool nodes that it may call. */
  tools: object[];
  config: ConfigForm | undefined;
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

/** Response of `POST /test`. */
export interface TestResponse extends Withheld {
  model: string;
  host: string;
  ms: number;
  provider?: string;
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

/** A line of the response of `POST /try`: one delta each, and at the end `done` or `error`. */
export interface TryLine extends Partial<ErrorResponse> {
  text?: string;
  reasoning?: string;
  done?: TryDone;
}

/** The end of a reply in `POST /try`. */
export interface TryDone extends Withheld {
  calls: { name: string; arguments: unknown }[];
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

/** Usage under the API's names. */
export interface TokenCounts {
  prompt_tokens?: number;
  completion_tokens?: number;
  total_tokens?: number;
}
