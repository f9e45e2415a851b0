import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { LatchkeyError } from '../../kit/errors.ts';
import type { EngineClient } from '../clients/client-document.ts';
import { isDocumentUrl, OWN_METADATA, toEngineDocument } from '../clients/client-document.ts';
import type { RegisteredVia } from '../clients/store.ts';
import { toBoundedColumns } from './bounds.ts';
import { findAdmission, setDescribed } from './described.ts';

type Metadata = Record<string, unknown>;

/** The routes of the engine on which an application describes itself. */
const ROUTES = ['registration', 'client_update'];

/**
 * A metadata document as the application wrote it, as far as the engine's defaults leave that open. It has no secret, so the
 * default of `token_endpoint_auth_method` (RFC 7591 section 2) cannot be meant; and `web`, the default of `application_type`,
 * would refuse the schemes and ports of programs on a device.
 */
function withoutDefaults(metadata: Metadata): Metadata {
  const { token_endpoint_auth_method: method, application_type: type, ...rest } = metadata;
  return {
    ...rest,
    token_endpoint_auth_method: method === 'client_secret_basic' ? 'none' : method,
    application_type: type === 'web' ? undefined : type,
  };
}

/** RFC 7591 section 3.2.2. The engine chooses the code by how the sentence begins. */
function toMetadataError(error: unknown): Error {
  if (!(error instanceof LatchkeyError)) return error as Error;
  const isAboutRedirects =
    Object.hasOwn(error.faults, 'redirectUris') || error.code === 'redirect_uri_missing';
  const description = isAboutRedirects ? `redirect_uris: ${error.message}` : error.message;
  return new errors.InvalidClientMetadata(description);
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
      setDescribed(clientId, columns);
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
