/** What a solver is given: the way as the server offers it, and what it belongs to. */
export interface Task {
  /** The demand, opaque: what a captcha or an attestation may be bound to. */
  demand: string;
  /** When an answer comes too late. */
  expires: Date;
  /** Aborted when the request is, and when the way is over: what was shown can be hidden. */
  signal: AbortSignal;
}

export interface CaptchaTask extends Task {
  siteKey: string;
}

export interface TextUsTask extends Task {
  /** Whom the user texts, in E.164. */
  number: string;
  /** What the user texts. */
  text: string;
  /** An sms: link that fills both in. */
  link: string;
}

export interface WorkTask extends Task {
  algorithm: string;
  bits: number;
}

/** A token, or undefined where this way cannot be gone: then the next one is tried. */
type Answer = string | undefined | Promise<string | undefined>;

export interface Solvers {
  turnstile?: (task: CaptchaTask) => Answer;
  hcaptcha?: (task: CaptchaTask) => Answer;
  recaptcha?: (task: CaptchaTask) => Answer;
  attestation?: (task: Task) => Answer;
  /** Shows the user what to text to whom. Resolves with true once that is shown or done, with false where the user would rather not. */
  'text-us'?: (task: TextUsTask) => boolean | undefined | Promise<boolean | undefined>;
  /** Replaces the solver that is built in; false leaves the way out. */
  'proof-of-work'?: ((task: WorkTask) => Answer) | false;
}

export interface Options {
  solvers?: Solvers;
  /** Told of a solver that threw. The next way is tried. */
  onFailure?: (kind: string, error: unknown) => void;
}

/** Wraps globalThis.fetch for requests to the endpoint; the function returned undoes it. */
export function installStepUp(options: Options & { endpoint: string | URL }): () => void;

/** A fetch that answers demands of the endpoint, and else is the one given. */
export function stepUpFetch(fetch: typeof globalThis.fetch, options: Options & { endpoint: string | URL }): typeof globalThis.fetch;

/** Meets a demand without any fetch: what is to be added to the ClientMetadata of the same request. */
export function answerStepUp(message: string, options?: Options & { signal?: AbortSignal }): Promise<Record<string, string> | undefined>;
