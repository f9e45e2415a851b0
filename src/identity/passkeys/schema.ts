import { z } from 'zod';

const VISIBLE = /^[^\p{Cc}\u202a-\u202e\u2066-\u2069]*$/u;

/** What a person calls a key. */
export const keyName = z
  .string()
  .trim()
  .min(1, 'Enter a name')
  .max(100, 'A name has at most 100 characters')
  .regex(VISIBLE, 'A name has no control characters');
