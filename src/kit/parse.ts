import type { z } from 'zod';
import { refuse } from './errors.ts';

/** @throws LatchkeyError invalid_input that names each member at fault and what to do */
export function parse<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) =>
    path.length > 0 && !message.includes(' ') ? `${path.join('.')}: ${message}` : message,
  );
  return refuse(`${[...new Set(faults)].join('. ')}.`);
}
