import { z } from 'zod';
import { LatchkeyError } from '../../kit/errors.ts';

/** Longer than any authenticator's answer, attestation certificates included. */
const LONGEST = 16_384;
const base64url = (longest: number) =>
  z
    .string()
    .max(longest)
    .regex(/^[\w-]*$/);

const common = {
  id: base64url(1364).min(1),
  rawId: base64url(1364).min(1),
  type: z.literal('public-key'),
  authenticatorAttachment: z.string().max(32).nullish(),
  clientExtensionResults: z.record(z.string().max(64), z.unknown()).default({}),
};

/** RegistrationResponseJSON (Web Authentication Level 3 section 5.1), what of it is looked at. */
export const registrationResponse = z.object({
  ...common,
  response: z.object({
    clientDataJSON: base64url(4096),
    attestationObject: base64url(LONGEST),
    transports: z.array(z.string().max(32)).max(10).default([]),
  }),
});

/** AuthenticationResponseJSON. */
export const authenticationResponse = z.object({
  ...common,
  response: z.object({
    clientDataJSON: base64url(4096),
    authenticatorData: base64url(LONGEST),
    signature: base64url(2048),
    userHandle: base64url(128).nullish(),
  }),
});

export type Registration = z.output<typeof registrationResponse>;
export type Authentication = z.output<typeof authenticationResponse>;

/** Why an answer was refused: for the audit log. Who sent it hears one sentence for all of them. */
export class Refusal extends Error {
  readonly reason: string;
  /** Whose key it was, where a signature proved it. */
  readonly about: { accountId: string; id: string } | undefined;
  constructor(reason: string, cause?: unknown, about?: { accountId: string; id: string }) {
    super(reason, { cause });
    this.reason = reason;
    this.about = about;
  }
}

export const malformed = (cause?: unknown) =>
  new LatchkeyError(
    'invalid_input',
    'passkey_response_unreadable',
    'The answer of the passkey could not be read. Nothing was changed.',
    { cause },
  );

const clientData = z.object({
  challenge: z.string(),
  crossOrigin: z.boolean().optional(),
  topOrigin: z.string().optional(),
});

/**
 * What the browser says that it signed. The library looks at most of it; here, what it lets pass.
 * @returns the challenge
 * @throws Refusal for a ceremony inside another site's frame: nobody sees there whom they sign in to (clickjacking)
 */
export function readClientData(encoded: string): string {
  let read: z.output<typeof clientData>;
  try {
    read = clientData.parse(JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8')));
  } catch (error) {
    throw malformed(error);
  }
  if (read.crossOrigin || read.topOrigin !== undefined) throw new Refusal('cross_origin');
  return read.challenge;
}
