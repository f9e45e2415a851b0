import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { RegisteredVia } from '../../access/registered-via.ts';
import { LatchkeyError, refuse } from '../../kit/errors.ts';
import { AUTH_METHODS } from '../clients/auth-methods.ts';
import type { EngineClient } from '../clients/client-document.ts';
import {
  isDocumentUrl,
  OWN_METADATA,
  OWN_STANDARD_METADATA,
  toEngineDocument,
} from '../clients/client-document.ts';
import { type BoundedColumns, toBoundedColumns } from './bounds.ts';
import { findAdmission, setDescribed, setDocument } from './described.ts';

type Metadata = Record<string, unknown>;

/** The routes of the engine on which an application describes itself. */
const ROUTES = ['registration', 'client_update'];

/**
 * The member that lists the authentication methods that an application supports. The engine passes it on only if it is
 * named in READ_METADATA.
 */
const METHOD_CHOICES = 'token_endpoint_auth_methods_supported';

export const READ_METADATA = [...OWN_METADATA, ...OWN_STANDARD_METADATA, METHOD_CHOICES];

/** The methods for an application without a secret, the strongest first. */
const METHODS_WITHOUT_SECRET = ['private_key_jwt', 'none'];

/**
 * The authentication method of an application with a metadata document. The application has no secret, so
 * `client_secret_basic`, the default of RFC 7591 section 2, counts as no method. Then the first of
 * METHODS_WITHOUT_SECRET that it lists in `token_endpoint_auth_methods_supported` (draft-03) is used, or `none` if it
 * lists no methods.
 */
function methodOf({ token_endpoint_auth_method: stated, [METHOD_CHOICES]: choices }: Metadata): unknown {
  const isStated = stated !== undefined && stated !== 'client_secret_basic';
  if (!Array.isArray(choices)) return isStated ? stated : 'none';
  const isKnown = stated === 'none' || AUTH_METHODS.includes(stated as never);
  return isStated && isKnown ? stated : METHODS_WITHOUT_SECRET.find((method) => choices.includes(method));
}

/**
 * Removes the defaults that the engine has added to a metadata document. `web`, the default of `application_type`,
 * would refuse the schemes and ports of programs on a device.
 */
function withoutDefaults(metadata: Metadata): Metadata {
  const {
    application_type: type,
    token_endpoint_auth_signing_alg: alg,
    // The document could change at any time, and the list of its sector would have to be read each time.
    sector_identifier_uri: _,
    ...rest
  } = metadata;
  const method = methodOf(metadata);
  const stated = {
    ...rest,
    token_endpoint_auth_method: method,
    token_endpoint_auth_signing_alg: method === 'none' ? undefined : alg,
    application_type: type === 'web' ? undefined : type,
  };
  return Object.fromEntries(Object.entries(stated).filter(([, value]) => value !== undefined));
}

/** RFC 7591 section 3.2.2. The engine chooses the code by how the sentence begins. */
function toMetadataError(error: unknown): Error {
  if (!(error instanceof LatchkeyError)) return error as Error;
  const isAboutRedirects =
    Object.hasOwn(error.faults, 'redirectUris') || error.code === 'redirect_uri_missing';
  const description = isAboutRedirects ? `redirect_uris: ${error.message}` : error.message;
  return new errors.InvalidClientMetadata(description);
}

/** The longest metadata, in characters as stored. It is bounded because anyone can register an application (`who-may-register.ts`), which stays for a week. */
const MAX_METADATA_LENGTH = 4096;

/** @throws LatchkeyError invalid_input */
function checkSize({ metadata, redirect_uris }: BoundedColumns): void {
  const size = metadata.length + redirect_uris.length;
  if (size > MAX_METADATA_LENGTH)
    refuse(
      'registration_too_large',
      `This description has ${size} characters. At most ${MAX_METADATA_LENGTH} are stored without an initial access token. Shorten it, for example by a jwks_uri in the place of jwks.`,
    );
}

/** Puts other members in the place of all that an object has. */
function replaceMembers(object: Metadata, members: Metadata): void {
  for (const name of Object.keys(object)) delete object[name];
  Object.assign(object, members);
}

function viaOf({ oidc }: KoaContextWithOIDC): RegisteredVia {
  const client = oidc.entities.Client as unknown as EngineClient | undefined;
  return client?.registered_via ?? findAdmission()?.via ?? 'dynamic';
}

/**
 * The engine's `extraClientMetadata.validator`, which it calls for each member of ours before its own checks of a client.
 * What an application says about itself is replaced by what it may be, in the form in which stored clients have it: a member
 * of ours in a registration or document, such as `is_first_party`, has no effect.
 * @param server its address, and whether applications may have the implicit grant
 */
export function createMetadataRules(server: { issuer: string; implicitGrant: boolean }) {
  return (ctx: KoaContextWithOIDC | undefined, member: string, _value: unknown, metadata: Metadata): void => {
    if (member !== OWN_METADATA[0]) return;
    const clientId = String(metadata.client_id);
    const isRegistration = ctx !== undefined && ROUTES.includes(ctx.oidc.route);
    if (!isRegistration && !isDocumentUrl(clientId)) return;
    const via = isRegistration ? viaOf(ctx) : 'metadata_document';
    try {
      const columns = isRegistration
        ? toBoundedColumns(ctx.oidc.body, server)
        : toBoundedColumns(withoutDefaults(metadata), { implicitGrant: false });
      if (via === 'dynamic') checkSize(columns);
      if (isRegistration) setDescribed(clientId, columns);
      else setDocument(clientId, columns);
      const row = {
        ...columns,
        id: clientId,
        client_id: clientId,
        created_at: new Date(),
        registered_via: via,
      };
      const { client_secret, client_id_issued_at, client_secret_expires_at } = metadata;
      const document = toEngineDocument(row, { hashes: [], opened: [] }, server);
      replaceMembers(metadata, { ...document, client_id_issued_at, client_secret_expires_at });
      if (columns.client_type === 'confidential') metadata.client_secret = client_secret;
    } catch (error) {
      throw toMetadataError(error);
    }
  };
}
