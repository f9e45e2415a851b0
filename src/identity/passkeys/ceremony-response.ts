import { z } from 'zod';
import { LatchkeyError } from '../../kit/errors.ts';

/** The longest object that is read. No authenticator's response is longer, attestation certificates included. */
const MAX_OBJECT_LENGTH = 16_384;
const base64url = (maximum: number) =>
  z
    .string()
    .max(maximum)
    .regex(/^[\w-]*$/);

const common = {
  id: base64url(1364).min(1),
  rawId: base64url(1364).min(1),
  type: z.literal('public-key'),
  authenticatorAttachment: z.string().max(32).nullish(),
  clientExtensionResults: z.record(z.string().max(64), z.unknown()).default({}),
};

/** The members of RegistrationResponseJSON that we read (Web Authentication Level 3 section 5.1). */
export const registrationResponse = z.object({
  ...common,
  response: z.object({
    clientDataJSON: base64url(4096),
    attestationObject: base64url(MAX_OBJECT_LENGTH),
    transports: z.array(z.string().max(32)).max(10).default([]),
  }),
});

/** The members of AuthenticationResponseJSON that we read. */
export const authenticationResponse = z.object({
  ...common,
  response: z.object({
    clientDataJSON: base64url(4096),
    authenticatorData: base64url(MAX_OBJECT_LENGTH),
    signature: base64url(2048),
    userHandle: base64url(128).nullish(),
  }),
});

export type RegistrationResponse = z.output<typeof registrationResponse>;
export type AuthenticationResponse = z.output<typeof authenticationResponse>;

/** Why a response was rejected, for the audit log. The user gets the same sentence for every reason. */
export class CeremonyRefusal extends Error {
  readonly reason: string;
  /** The credential and its owner. Set only once the signature was verified, so that the log blames nobody for a claim. */
  readonly credential: { accountId: string; id: string } | undefined;
  constructor(reason: string, cause?: unknown, credential?: { accountId: string; id: string }) {
    super(reason, { cause });
    this.reason = reason;
    this.credential = credential;
  }
}

export const unreadableResponse = (cause?: unknown) =>
  new LatchkeyError(
    'invalid_input',
    'passkey_response_unreadable',
    'The response of the passkey could not be read. Nothing was changed.',
    { cause },
  );

const clientData = z.object({
  challenge: z.string(),
  crossOrigin: z.boolean().optional(),
  topOrigin: z.string().optional(),
});

/**
 * Reads the challenge from the client data, before the library verifies the rest.
 * @param encoded CollectedClientData (Web Authentication Level 3 section 5.8.1) as JSON, base64url
 * @throws CeremonyRefusal when the page was in a frame of another site. The library allows that; we do not, because of
 *   clickjacking
 */
export function readChallenge(encoded: string): string {
  let data: z.output<typeof clientData>;
  try {
    data = clientData.parse(JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8')));
  } catch (error) {
    throw unreadableResponse(error);
  }
  if (data.crossOrigin || data.topOrigin !== undefined) throw new CeremonyRefusal('cross_origin');
  return data.challenge;
}
