import { z } from 'zod';

/** An address that the server links to or reads. */
export const webAddress = z
  .string()
  .max(2000, 'An address has at most 2000 characters')
  .refine(
    (address) => /^https?:$/.test(URL.parse(address)?.protocol ?? ''),
    'Enter an address that begins with https:// or http://',
  );
