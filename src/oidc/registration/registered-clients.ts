import { errors } from 'oidc-provider';
import type { RegisteredVia } from '../../access/registered-via.ts';
import { recordEvent } from '../../audit/index.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { secretStorageOf } from '../clients/auth-methods.ts';
import { authMethodOf } from '../clients/client-metadata.ts';
import {
  CHANGE_CLIENT,
  DELETE_CLIENT,
  DISABLE_SECRETS,
  INSERT_CLIENT,
  INSERT_SECRET,
  SELECT_REGISTERED,
} from '../clients/registered-store.ts';
import { placeOfSecret } from '../clients/secret-store.ts';
import type { BoundedColumns } from './bounds.ts';
import { findAdmission, findDescribed, findDocument } from './described.ts';
import { UNUSED_TTL_SECONDS } from './unused-registrations.ts';

const SECRET_SHOWN = 'registration.secret-shown';

/** Whether this request has given the application a secret, which its response shows. */
export const isSecretShown = (): boolean => currentUnit().memory.has(SECRET_SHOWN);

/** @param how `seconds`: the time until the registration ends, unless it is used */
const toRow = (
  columns: BoundedColumns,
  clientId: string,
  how: { via: RegisteredVia; tokenId?: string | undefined; seconds: number },
) => ({
  ...columns,
  id: how.via === 'metadata_document' ? uuidv7() : clientId,
  created_at: new Date(),
  client_id: clientId,
  created_by: null,
  registered_via: how.via,
  registration_token_id: how.tokenId ?? null,
  expires_at: new Date(Date.now() + how.seconds * 1000),
});

/** The engine's storage of applications that register themselves (RFC 7591, RFC 7592). All writes belong to the request's unit. */
export function createRegisteredClients(deps: {
  secrets: Pick<Secrets, 'seal'>;
  /** Lets this server read the application again. */
  forget(clientId: string): void;
}) {
  const { secrets, forget } = deps;
  function addSecret(id: string, method: string, secret: string): void {
    const secretId = uuidv7();
    const isSealed = secretStorageOf(method) === 'sealed';
    currentUnit().memory.set(SECRET_SHOWN, true);
    currentUnit().write({
      statement: INSERT_SECRET,
      values: {
        id: secretId,
        created_at: new Date(),
        client_id: id,
        secret_hash: digest(secret),
        secret_sealed: isSealed ? secrets.seal(secret, placeOfSecret(secretId)) : null,
        description: 'registered',
        is_active: true,
      },
    });
  }

  return {
    /** @param metadata of the engine's client; `client_secret` is new unless the application had one that works as this one */
    async upsert(clientId: string, metadata: { client_secret?: string }): Promise<void> {
      const unit = currentUnit();
      const columns = findDescribed(clientId);
      if (!columns) throw new Error(`The application ${clientId} has not described itself in this request.`);
      const method = authMethodOf(columns);
      const storage = secretStorageOf(method);
      const earlier = await unit.readOne(SELECT_REGISTERED, { client_id: clientId });
      const secret = metadata.client_secret ?? '';
      if (!earlier) {
        const { via = 'dynamic', tokenId } = findAdmission() ?? {};
        unit.write({
          statement: INSERT_CLIENT,
          values: toRow(columns, clientId, { via, tokenId, seconds: UNUSED_TTL_SECONDS }),
        });
        if (storage !== 'none') addSecret(clientId, method, secret);
      } else {
        const id = String(earlier.id);
        unit.write({ statement: CHANGE_CLIENT, values: { ...columns, id, updated_at: new Date() } });
        const before = authMethodOf({
          client_type: earlier.client_type as BoundedColumns['client_type'],
          metadata: String(earlier.metadata),
        });
        const kept = secretStorageOf(before);
        // An HMAC needs the secret itself, which nobody can make from its digest.
        if (kept !== storage && kept !== 'none' && storage !== 'none')
          throw new errors.InvalidClientMetadata(
            `token_endpoint_auth_method cannot change from ${before} to ${method}; register again`,
          );
        if (kept !== storage) {
          unit.write({ statement: DISABLE_SECRETS, values: { id } });
          if (storage !== 'none') addSecret(id, method, secret);
        }
      }
      forget(clientId);
      recordEvent({
        action: earlier ? 'client.registration_changed' : 'client.registered',
        clientId,
        details: { name: columns.client_name, token: findAdmission()?.tokenId },
      });
    },

    async destroy(clientId: string): Promise<void> {
      forget(clientId);
      currentUnit().write({ statement: DELETE_CLIENT, values: { client_id: clientId } });
      recordEvent({ action: 'client.registration_deleted', clientId });
    },
  };
}

/**
 * Keeps the row of an application that describes itself by a document, once a user has allowed it: what users have allowed
 * refers to a row, and an operator can disable it. Before that, requests with made-up client_ids write nothing.
 * @param seconds the time until the row is no longer needed, unless the application is used
 */
export async function keepDocumentClient(clientId: string, seconds: number): Promise<void> {
  const unit = currentUnit();
  const columns = findDocument(clientId);
  if (!columns) return;
  const earlier = await unit.readOne(SELECT_REGISTERED, { client_id: clientId });
  if (!earlier) {
    unit.write({
      statement: INSERT_CLIENT,
      values: toRow(columns, clientId, { via: 'metadata_document', seconds }),
    });
    recordEvent({ action: 'client.registered', clientId, details: { name: columns.client_name } });
    return;
  }
  const names = ['client_name', 'redirect_uris', 'metadata'] as const;
  if (names.some((name) => earlier[name] !== columns[name]))
    unit.write({
      statement: CHANGE_CLIENT,
      values: { ...columns, id: String(earlier.id), updated_at: new Date() },
    });
}
