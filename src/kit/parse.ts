import type { z } from 'zod';
import { invalidFields, LatchkeyError } from './errors.ts';

/** Marks an issue as a missing permission of the actor, not a fault in the input. */
export const FORBIDDEN = { forbidden: true };

const isForbidden = (issue: z.core.$ZodIssue) => issue.code === 'custom' && issue.params === FORBIDDEN;

/**
 * Parses input from outside.
 * @throws LatchkeyError with one sentence for each fault: invalid_input, or forbidden if every fault has FORBIDDEN as its
 *   params
 */
export function parse<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const sentences = issues.map(({ path, message }) =>
    path.length > 0 && !message.includes(' ') ? `${path.join('.')}: ${message}` : message,
  );
  const faults: Record<string, string> = {};
  for (const { path, message } of issues) if (path.length > 0) faults[String(path[0])] ??= message;
  const message = `${[...new Set(sentences)].join('. ')}.`;
  if (issues.every(isForbidden))
    throw new LatchkeyError('forbidden', 'fields_forbidden', message, { faults });
  throw invalidFields(faults, message);
}
