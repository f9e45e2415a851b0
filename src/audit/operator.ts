import type { Actor } from './index.ts';

/** The actor of everything that is done at the command line, and by the server itself: no account. */
export const OPERATOR: Actor = { accountId: null };
