import type { Context } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { isStorable } from '../kit/text.ts';
import { readBody } from './json-body.ts';

const unreadable = (cause?: unknown) =>
  new LatchkeyError(
    'invalid_input',
    'upload_unreadable',
    'The upload could not be read. Go back, reload the page and try again.',
    { cause },
  );

/**
 * Reads a form with one file (multipart/form-data, RFC 7578).
 * @param options `file`: the name of its field; `limit`: of the whole body, in bytes
 * @returns the other fields, and the bytes of the file; undefined if none was chosen
 * @throws LatchkeyError too_large, invalid_input when it is malformed, or has a field twice
 */
export async function readUpload(
  ctx: Context,
  options: { file: string; limit: number },
): Promise<{ fields: Record<string, string>; upload: Buffer | undefined }> {
  const body = await readBody(ctx, options.limit);
  const headers = { 'content-type': ctx.get('content-type') };
  const form = await new Response(new Uint8Array(body), { headers }).formData().catch((error) => {
    throw unreadable(error);
  });
  const fields: Record<string, string> = Object.create(null);
  let upload: Buffer | undefined;
  for (const [name, value] of form) {
    if (name in fields || (upload !== undefined && name === options.file)) throw unreadable();
    if (typeof value === 'string') {
      if (!isStorable(name) || !isStorable(value)) throw unreadable();
      fields[name] = value;
    } else if (name === options.file) upload = Buffer.from(await value.arrayBuffer());
    else throw unreadable();
  }
  return { fields, upload };
}
