import { z } from 'zod';
import { responseTypes, toStoredTypes } from './response-types.ts';
import { webAddress } from './web-address.ts';

const RESPONSE_MODES = [
  'query',
  'fragment',
  'form_post',
  'jwt',
  'query.jwt',
  'fragment.jwt',
  'form_post.jwt',
] as const;

const MAX_ACCESS_TTL_SECONDS = 31_536_000;
const TTL_RULE = `The lifetime of access tokens is a whole number of seconds from 1 to ${MAX_ACCESS_TTL_SECONDS}`;

export const SUBJECT_TYPES = ['public', 'pairwise'] as const;

/** The members of a client's input that limit what it may do, beside its grants, its authentication, PKCE, PAR and DPoP. */
export const policyFields = {
  /** By default what the grant types suggest. */
  responseTypes: responseTypes.optional(),
  /** Empty: any that this server knows. */
  responseModes: z
    .array(z.enum(RESPONSE_MODES, `A response mode is one of ${RESPONSE_MODES.join(', ')}`))
    .optional(),
  /** The lifetime in seconds. Null: the server's setting. */
  accessTokenTtl: z
    .int(TTL_RULE)
    .min(1, TTL_RULE)
    .max(MAX_ACCESS_TTL_SECONDS, TTL_RULE)
    .nullable()
    .optional(),
  /** Pairwise: it cannot recognize a user whom another application also knows (OpenID Connect Core section 8). */
  subjectType: z.enum(SUBJECT_TYPES, `A subject type is one of ${SUBJECT_TYPES.join(', ')}`).optional(),
  /** Services whose access tokens it is given (RFC 8693), by their names: `google`. */
  handOutServices: z
    .array(
      z
        .string()
        .regex(
          /^[a-z][a-z0-9-]{0,63}$/,
          'A service is named as `latchkey service list` does, such as google',
        ),
    )
    .max(50, 'An application may be given the tokens of at most 50 services')
    .optional(),
  /** Types of authorization details (RFC 9396 section 10). Empty: each that a user can allow. */
  authorizationTypes: z
    .array(
      z.string().regex(/^[!-<>-~]{1,100}$/, 'An authorization type has 1 to 100 characters, without spaces'),
    )
    .max(50, 'An application has at most 50 authorization types')
    .optional(),
  /** The applications that get the same pairwise subjects (OpenID Connect Core section 8.1). */
  sectorIdentifierUri: webAddress
    .refine((uri) => uri.startsWith('https:'), 'A sector_identifier_uri begins with https://')
    .optional(),
};

type PolicyInput = z.output<z.ZodObject<typeof policyFields>>;

/** What is stored of them. */
export interface PolicyMetadata {
  /** Undefined: `code`, with the grant type authorization_code. */
  response_types?: string[] | undefined;
  response_modes?: string[] | undefined;
  access_token_ttl?: number | undefined;
  subject_type?: (typeof SUBJECT_TYPES)[number] | undefined;
  sector_identifier_uri?: string | undefined;
  hand_out_services?: string[] | undefined;
  authorization_details_types?: string[] | undefined;
}

/** A list without entries removes the limit. */
const changeLimit = (limit: string[] | undefined, earlier: string[] | undefined): string[] | undefined =>
  limit === undefined ? earlier : limit.length > 0 ? limit : undefined;

/** @param earlier what stays where the input says nothing */
export function toPolicyMetadata(input: PolicyInput, earlier: PolicyMetadata = {}): PolicyMetadata {
  const { accessTokenTtl } = input;
  return {
    response_types: input.responseTypes ? toStoredTypes(input.responseTypes) : earlier.response_types,
    response_modes: changeLimit(input.responseModes, earlier.response_modes),
    access_token_ttl: accessTokenTtl === undefined ? earlier.access_token_ttl : (accessTokenTtl ?? undefined),
    subject_type: input.subjectType ?? earlier.subject_type,
    sector_identifier_uri: input.sectorIdentifierUri ?? earlier.sector_identifier_uri,
    hand_out_services: input.handOutServices ?? earlier.hand_out_services,
    authorization_details_types: changeLimit(input.authorizationTypes, earlier.authorization_details_types),
  };
}

/** The members of the document that pages, the engine and the command get. */
export const toPolicyMembers = (metadata: PolicyMetadata) => ({
  response_modes: metadata.response_modes,
  access_token_ttl: metadata.access_token_ttl,
  subject_type: metadata.subject_type ?? 'public',
  sector_identifier_uri: metadata.sector_identifier_uri,
  hand_out_services: metadata.hand_out_services ?? [],
  authorization_details_types: metadata.authorization_details_types,
});
