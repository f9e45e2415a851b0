import { z } from 'zod';

/**
 * Whether every database stores a text as it is. PostgreSQL refuses NUL, and half of a surrogate pair has no UTF-8: it is
 * stored as U+FFFD, so different texts become the same one. JSON can escape both.
 */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

/**
 * No control characters or line separators, and no bidirectional overrides, which reorder the text around a name (Unicode
 * TR 36). No half of a surrogate pair, and no U+FFFD, which stands for text that was damaged before it arrived.
 */
const VISIBLE = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\ufffd\u202a-\u202e\u2066-\u2069]*$/u;

/**
 * One line of text that people read: a display name, a label, the name of a key or of an application.
 * @param what begins the error messages: `A name`
 */
export const visibleText = (what: string, maximum = 255) =>
  z
    .string()
    .trim()
    .max(maximum, `${what} can have at most ${maximum} characters`)
    .regex(VISIBLE, `${what} must not contain control characters or unreadable characters`);
