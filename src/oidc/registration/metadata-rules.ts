import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { RegisteredVia } from '../../access/registered-via.ts';
import { LatchkeyError, refuse } from '../../kit/errors.ts';
import { AUTH_METHODS } from '../clients/auth-methods.ts';
import type { EngineClient } from '../clients/client-document.ts';
import { isDocumentUrl, OWN_METADATA, toEngineDocument } from '../clients/client-document.ts';
import { type BoundedColumns, toBoundedColumns } from './bounds.ts';
import { findAdmission, setDescribed, setDocument } from './described.ts';

type Metadata = Record<string, unknown>;

/** The routes of the engine on which an application describes itself. */
const ROUTES = ['registration', 'client_update'];

/** Beside members of ours, what the engine lets us read of a document: the methods that the application can use. */
const METHOD_CHOICES = 'token_endpoint_auth_methods_supported';

export const READ_METADATA = [...OWN_METADATA, METHOD_CHOICES];

/** What an application may use that has no secret, the stronger one first. */
const METHODS = ['private_key_jwt', 'none'];

/**
 * How an application authenticates that describes itself by a document. It has no secret, so `client_secret_basic`, the default
 * of RFC 7591 section 2, means that it has stated nothing: then it is one of those that it can use (draft-03), or public.
 */
function methodOf({ token_endpoint_auth_method: stated, [METHOD_CHOICES]: choices }: Metadata): unknown {
  const isStated = stated !== undefined && stated !== 'client_secret_basic';
  if (!Array.isArray(choices)) return isStated ? stated : 'none';
  const isKnown = stated === 'none' || AUTH_METHODS.includes(stated as never);
  return isStated && isKnown ? stated : METHODS.find((method) => choices.includes(method));
}

/**
 * A metadata document as the application wrote it, as far as the engine's defaults leave that open. `web`, the default of
 * `application_type`, would refuse the schemes and ports of programs on a device.
 */
function withoutDefaults(metadata: Metadata): Metadata {
  const { application_type: type, token_endpoint_auth_signing_alg: alg, ...rest } = metadata;
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

/** In characters, as stored. Anyone can register so many (`admission.ts`), and each stays for a week. */
const MAX_SIZE = 4096;

/** @throws LatchkeyError invalid_input */
function checkSize({ metadata, redirect_uris }: BoundedColumns): void {
  const size = metadata.length + redirect_uris.length;
  if (size > MAX_SIZE)
    refuse(
      'registration_too_large',
      `This description has ${size} characters. At most ${MAX_SIZE} are stored without an initial access token. Shorten it, for example by a jwks_uri in the place of jwks.`,
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
 * @param issuer of this server
 */
export function createMetadataRules(issuer: string) {
  return (ctx: KoaContextWithOIDC | undefined, member: string, _value: unknown, metadata: Metadata): void => {
    if (member !== OWN_METADATA[0]) return;
    const clientId = String(metadata.client_id);
    const isRegistration = ctx !== undefined && ROUTES.includes(ctx.oidc.route);
    if (!isRegistration && !isDocumentUrl(clientId)) return;
    const via = isRegistration ? viaOf(ctx) : 'metadata_document';
    try {
      const columns = toBoundedColumns(isRegistration ? ctx.oidc.body : withoutDefaults(metadata));
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
      const document = toEngineDocument(row, { hashes: [], opened: [] }, issuer);
      replaceMembers(metadata, { ...document, client_id_issued_at, client_secret_expires_at });
      if (columns.client_type === 'confidential') metadata.client_secret = client_secret;
    } catch (error) {
      throw toMetadataError(error);
    }
  };
}
