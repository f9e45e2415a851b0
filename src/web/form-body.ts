import type { Context } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { isStorable } from '../kit/text.ts';
import { readBody } from './json-body.ts';

const MAX_FORM_BYTES = 32 * 1024;
const WRONG = 'The form could not be read. Go back, reload the page and try again.';

/**
 * Reads the fields of a form (application/x-www-form-urlencoded).
 * @throws LatchkeyError too_large above 32 KB, invalid_input when the form is not UTF-8, or has a NUL or a field twice
 */
export async function readForm(ctx: Context): Promise<Record<string, string>> {
  const body = await readBody(ctx, MAX_FORM_BYTES);
  const fields: Record<string, string> = Object.create(null);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);

    // Throws for percent-encoded bytes that are not UTF-8, which URLSearchParams would replace.
    decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw new LatchkeyError('invalid_input', 'form_unreadable', WRONG, { cause });
  }
  for (const [name, value] of new URLSearchParams(text)) {
    if (name in fields || !isStorable(name) || !isStorable(value))
      throw new LatchkeyError('invalid_input', 'form_unreadable', WRONG);
    fields[name] = value;
  }
  return fields;
}
