import { z } from 'zod';
import { parseScopes } from '../../access/scopes.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import type { GuardedFetch } from '../../kit/guarded-fetch.ts';
import { parse } from '../../kit/parse.ts';
import type { ServiceChange } from './changes.ts';
import type { ServiceInput } from './input.ts';

const text = (name: string) => z.string(`${name} is a text`).optional();
const texts = (name: string) => z.array(z.string(), `${name} is a list of texts`).optional();

/**
 * A description of a service: the names of RFC 8414 section 2, so that a published document can be used as it is, and
 * those of our own. Other members are ignored, since published documents have many.
 */
const metadataInput = z.object(
  {
    issuer: text('issuer'),
    authorization_endpoint: text('authorization_endpoint'),
    token_endpoint: text('token_endpoint'),
    revocation_endpoint: text('revocation_endpoint'),
    userinfo_endpoint: text('userinfo_endpoint'),
    token_endpoint_auth_methods_supported: texts('token_endpoint_auth_methods_supported'),
    scopes_supported: texts('scopes_supported'),
    display_name: text('display_name'),
    auth_type: text('auth_type'),
    client_id: text('client_id'),
    client_secret: text('client_secret'),
    scopes: z
      .union([z.array(z.string()), z.string().transform(parseScopes)], 'scopes is a list of texts')
      .optional(),
    api_base_urls: texts('api_base_urls'),
    settings: z.record(z.string(), z.unknown(), 'settings is an object').optional(),
  },
  'The metadata of a service is one JSON object',
);

/** Asked for where they are offered and the description names no scopes. */
const USUAL_SCOPES = ['openid', 'email', 'profile', 'offline_access'];

const METHODS = ['client_secret_basic', 'client_secret_post', 'none'] as const;

/** @returns undefined if the service does not say, or has the default (RFC 8414 section 2) */
const chooseClientAuth = (supported: string[] | undefined) =>
  METHODS.find((method) => supported?.includes(method));

/**
 * Reads a description of a service.
 * @param document what a file or a discovery endpoint contains
 * @returns the members that it has. They are checked with the whole service
 * @throws LatchkeyError invalid_input when a member has another type
 */
export function toChange(document: unknown): ServiceChange {
  const metadata = parse(metadataInput, document);
  const clientAuth = chooseClientAuth(metadata.token_endpoint_auth_methods_supported);
  const supported = metadata.scopes_supported;
  return {
    displayName: metadata.display_name,
    // The schema of the service refuses other texts.
    authType: metadata.auth_type as ServiceInput['authType'] | undefined,
    issuer: metadata.issuer,
    clientId: metadata.client_id,
    clientSecret: metadata.client_secret,
    scopes: metadata.scopes ?? (supported && USUAL_SCOPES.filter((scope) => supported.includes(scope))),
    authUrl: metadata.authorization_endpoint,
    tokenUrl: metadata.token_endpoint,
    revokeUrl: metadata.revocation_endpoint,
    userinfoUrl: metadata.userinfo_endpoint,
    apiBaseUrls: metadata.api_base_urls,
    settings: { ...(clientAuth ? { clientAuth } : {}), ...metadata.settings },
  };
}

/** Where an issuer publishes its metadata: OpenID Connect Discovery section 4, then RFC 8414 section 3. */
function metadataUrls(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

/**
 * Reads what an issuer publishes about itself.
 * @param issuer a URL that was checked
 * @throws LatchkeyError invalid_input when it publishes nothing, or something about another issuer, which could send
 *   our secrets elsewhere (RFC 8414 section 3.3)
 */
export async function discover(fetch: GuardedFetch, issuer: string): Promise<ServiceChange> {
  let fault = '';
  for (const url of metadataUrls(issuer)) {
    try {
      const response = await fetch(url, { headers: { accept: 'application/json' } });
      if (response.status !== 200) throw new Error(`the status is ${response.status}`);
      const change = toChange(await response.json());
      if (change.issuer !== issuer) throw new Error('it is about another issuer');
      return change;
    } catch (error) {
      const reason = error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message;
      fault ||= `${url}: ${reason}`;
    }
  }
  throw new LatchkeyError(
    'invalid_input',
    'service_discovery_failed',
    `The metadata of ${issuer} could not be read (${fault}). Name the endpoints yourself.`,
  );
}
