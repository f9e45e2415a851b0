/** Where something has to change. `either`: in the application or in its registration here. */
export type Whose =
  | 'application'
  | 'registration'
  | 'either'
  | 'account'
  | 'user'
  | 'sign_in'
  | 'clock'
  | 'unknown';

/** Why attempts stop, and what to change. In backquotes: what is typed or sent. */
export interface Fault {
  /** The answer of the server. */
  answer: string;
  whose: Whose;
  cause: string;
  remedy: string;
  /** Answers that it is about, if `answer` is only an example. */
  pattern?: RegExp;
}
