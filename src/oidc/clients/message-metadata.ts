import { z } from 'zod';
import { ASSERTION_ALGS, type AssertionAlg } from './auth-methods.ts';

/** Algorithms of this server's own keys. */
const ALGS = ['RS256', 'ES256', 'EdDSA'] as const;
type Alg = (typeof ALGS)[number];
const alg = z.enum(ALGS, `A signing algorithm is one of ${ALGS.join(', ')}`);

const ID_TOKEN_CLAIMS = ['scope', 'requested'] as const;
/** `scope`: the claims of the granted scopes; `requested`: only those that the parameter `claims` names. */
export type IdTokenClaims = (typeof ID_TOKEN_CLAIMS)[number];

/** OpenID Connect Registration section 2 also allows http. Whoever could change the answer there could ask in the name of the application. */
const requestUri = z
  .string()
  .max(512, 'A request_uri has at most 512 characters')
  .refine((uri) => URL.parse(uri)?.protocol === 'https:', 'A request_uri begins with https://');

/** The members of a client's input about the messages between it and this server. */
export const messageFields = {
  /** Which claims about the user its ID tokens have (docs/decisions/0030). */
  idTokenClaims: z
    .enum(ID_TOKEN_CLAIMS, `Which claims an ID token has is one of ${ID_TOKEN_CLAIMS.join(', ')}`)
    .optional(),
  /** Null: responses of userinfo are JSON. */
  userinfoSignedResponseAlg: alg.nullable().optional(),
  /** Signs authorization responses (JARM) where the request asks for it, and introspection (RFC 9701) likewise. */
  authorizationSignedResponseAlg: alg.optional(),
  introspectionSignedResponseAlg: alg.optional(),
  /** Whether its authorization requests must be signed (RFC 9101 section 10.5). */
  requireSignedRequest: z.boolean().optional(),
  /** Where its request objects may be read (OpenID Connect Core section 6.2). Empty: nowhere. */
  requestUris: z.array(requestUri).max(10, 'An application has at most 10 request_uris').optional(),
  /** How its requests are signed: by a registered key, or with the secret of `client_secret_jwt` (HS256). Null: by any algorithm that this server knows. */
  requestObjectSigningAlg: z
    .enum(ASSERTION_ALGS, `A request object is signed with one of ${ASSERTION_ALGS.join(', ')}`)
    .nullable()
    .optional(),
};

type MessageInput = z.output<z.ZodObject<typeof messageFields>>;

/** What is stored of them. */
export interface MessageMetadata {
  id_token_claims?: IdTokenClaims | undefined;
  userinfo_signed_response_alg?: Alg | null | undefined;
  authorization_signed_response_alg?: Alg | undefined;
  introspection_signed_response_alg?: Alg | undefined;
  require_signed_request_object?: boolean | undefined;
  request_uris?: string[] | undefined;
  request_object_signing_alg?: AssertionAlg | null | undefined;
}

/** @param earlier what stays where the input says nothing */
export const toMessageMetadata = (input: MessageInput, earlier: MessageMetadata = {}): MessageMetadata => {
  // Null is a value: it removes the earlier one.
  const orEarlier = <T>(value: T | undefined, before: T) => (value === undefined ? before : value);
  return {
    id_token_claims: input.idTokenClaims ?? earlier.id_token_claims,
    userinfo_signed_response_alg: orEarlier(
      input.userinfoSignedResponseAlg,
      earlier.userinfo_signed_response_alg,
    ),
    authorization_signed_response_alg:
      input.authorizationSignedResponseAlg ?? earlier.authorization_signed_response_alg,
    introspection_signed_response_alg:
      input.introspectionSignedResponseAlg ?? earlier.introspection_signed_response_alg,
    require_signed_request_object: input.requireSignedRequest ?? earlier.require_signed_request_object,
    request_uris: input.requestUris ?? earlier.request_uris,
    request_object_signing_alg: orEarlier(input.requestObjectSigningAlg, earlier.request_object_signing_alg),
  };
};

/**
 * The members of the document that pages, the engine and the command get.
 * @param metadata `fapi`: FAPI 2.0 section 5.4.1 does not allow RS256
 */
export const toMessageMembers = (metadata: MessageMetadata & { fapi?: boolean | undefined }) => ({
  id_token_claims: metadata.id_token_claims ?? 'scope',
  userinfo_signed_response_alg: metadata.userinfo_signed_response_alg ?? undefined,
  authorization_signed_response_alg:
    metadata.authorization_signed_response_alg ?? (metadata.fapi ? 'ES256' : 'RS256'),
  introspection_signed_response_alg:
    metadata.introspection_signed_response_alg ?? (metadata.fapi ? 'ES256' : 'RS256'),
  require_signed_request_object: metadata.require_signed_request_object ?? false,
  request_uris: metadata.request_uris?.length ? metadata.request_uris : undefined,
  request_object_signing_alg: metadata.request_object_signing_alg ?? undefined,
});
