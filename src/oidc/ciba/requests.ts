import type { Provider } from 'oidc-provider';
import { acrLevel } from '../../access/acr.ts';
import {
  type DescribedDetail,
  describeDetails,
  listTypes,
} from '../../access/authorization-detail-descriptions.ts';
import { isBuiltIn, limitToCeiling, parseScopes, type ResourceScopes } from '../../access/scopes.ts';
import { recordEvent } from '../../audit/index.ts';
import { toDate } from '../../database/instants.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { readAuthorizationDetails } from '../authorization-details.ts';
import { claimsToGrant, limitToApplication } from '../claims.ts';
import type { EngineClient } from '../clients/client-document.ts';
import { readRequestedAcr } from '../requested-acr.ts';
import { addResourceScopes, RESOURCE_ITSELF } from '../resource-access.ts';
import type { FindResource } from '../resources/service.ts';
import type { Resource } from '../resources/store.ts';
import { type OpenRequestRow, placeOfCode } from './store.ts';

/** A request that waits for an answer of its user. */
export interface SignInRequest {
  /** The id of its row. */
  id: string;
  clientId: string;
  clientName: string;
  /** What the application shows its user at the same time. */
  bindingMessage: string | undefined;
  /** What it asks for, as far as application and account may have it. */
  scopes: string[];
  claims: string[];
  resources: { identifier: string; name: string; scopes: string[] }[];
  /** What it asks for in detail (RFC 9396), in the words of the resources. */
  details: DescribedDetail[];
  expiresAt: Date;
}

/** The sign-in by which the user answers. */
export interface AnsweringSession {
  acr?: string | undefined;
  amr?: string[] | undefined;
  authTime?: number | undefined;
  sessionUid: string;
}

/** An account that answers. */
interface Owner {
  accountId: string;
  scopes: string[];
}

interface SignInRequestDeps {
  provider: Provider;
  secrets: Secrets;
  /** The rows of the requests that wait for an answer of the account. */
  listSignInRequests(accountId: string): Promise<OpenRequestRow[]>;
  resources: { find: FindResource };
  /** Remembers what the account has allowed the application. */
  addToConsent(
    key: { accountId: string; client: EngineClient },
    allowed: { scopes: string[]; claims: string[]; resources: ResourceScopes },
  ): Promise<void>;
}

type EngineRequest = InstanceType<Provider['BackchannelAuthenticationRequest']>;

const requestEnded = () =>
  new LatchkeyError(
    'not_found',
    'sign_in_request_ended',
    'This request has ended: it has expired, or was answered already.',
  );

const signInTooWeak = () =>
  new LatchkeyError(
    'forbidden',
    'sign_in_too_weak',
    'The application needs a stronger sign-in than yours. Sign in with a passkey or a second factor, and approve again.',
  );

/** The requests for a sign-in that applications make without a browser (OpenID Connect CIBA). */
export function createSignInRequests(deps: SignInRequestDeps) {
  const { provider, listSignInRequests } = deps;

  async function describe(row: OpenRequestRow, owner: Owner) {
    const client = (await provider.Client.find(row.client_id)) as unknown as EngineClient | undefined;
    if (!client) return undefined;
    const { params = {}, resource = [] } = JSON.parse(row.payload) as {
      params?: {
        acr_values?: string;
        claims?: string;
        scope?: string;
        binding_message?: string;
        authorization_details?: string;
      };
      resource?: string | string[];
    };
    const identifiers = [resource].flat();
    const allowed = limitToCeiling(limitToApplication(client, parseScopes(row.scope)), owner.scopes);
    const resources: SignInRequest['resources'] = [];
    const owners: Resource[] = [];
    for (const identifier of identifiers) {
      const found = await deps.resources.find(identifier);
      if (!found) continue;
      owners.push(found);
      const scopes = allowed.filter((scope) => found.scopes.includes(scope));
      resources.push({ identifier, name: found.name, scopes: [RESOURCE_ITSELF, ...scopes] });
    }
    const rar = readAuthorizationDetails(params);
    const request: SignInRequest = {
      id: row.id,
      clientId: client.clientId,
      clientName: client.clientName ?? client.clientId,
      bindingMessage: params.binding_message,
      scopes: identifiers.length > 0 ? allowed.filter(isBuiltIn) : allowed,
      claims: claimsToGrant(params, client, owner),
      resources,
      details: describeDetails(rar ?? [], owners),
      expiresAt: toDate(row.expires_at),
    };
    return { request, client, rar, requestedAcr: readRequestedAcr(params) };
  }

  /** @throws LatchkeyError not_found, also for a request of another account */
  async function getOpen(owner: Owner, id: string) {
    const row = (await listSignInRequests(owner.accountId)).find((one) => one.id === id);
    const described = row && (await describe(row, owner));
    if (!row || !described) throw requestEnded();
    const { jti } = JSON.parse(deps.secrets.open(row.code_sealed, placeOfCode(id))) as { jti: string };
    const engineRequest = await provider.BackchannelAuthenticationRequest.find(jti);
    if (!engineRequest?.isValid) throw requestEnded();
    return { ...described, engineRequest };
  }

  /** @returns what tells a client of the delivery mode ping that its request was answered; to be called after the commit */
  async function pingOf(engineRequest: EngineRequest): Promise<(() => Promise<unknown>) | undefined> {
    const client = await provider.Client.find(String(engineRequest.clientId));
    if (client?.backchannelTokenDeliveryMode !== 'ping') return undefined;
    return async () => client.backchannelPing(engineRequest);
  }

  return {
    /** The open requests of an account, the oldest first. */
    async list(owner: Owner): Promise<SignInRequest[]> {
      const rows = await listSignInRequests(owner.accountId);
      const described = await Promise.all(rows.map((row) => describe(row, owner)));
      return described.flatMap((one) => one?.request ?? []);
    },

    /** Adds to the current unit that the application gets its tokens. @throws LatchkeyError not_found, forbidden when the sign-in is too weak */
    async approve(owner: Owner, id: string, session: AnsweringSession) {
      const { request, client, rar, requestedAcr, engineRequest } = await getOpen(owner, id);
      // OpenID Connect Core section 5.5.1.1.
      if (requestedAcr.isEssential && acrLevel(session.acr) < requestedAcr.level) throw signInTooWeak();
      const { accountId } = owner;
      const { clientId, scopes, claims } = request;
      const resources = Object.fromEntries(
        request.resources.map((resource) => [resource.identifier, resource.scopes]),
      );
      const grant = new provider.Grant({ accountId, clientId });
      if (scopes.length > 0) grant.addOIDCScope(scopes.join(' '));
      if (claims.length > 0) grant.addOIDCClaims(claims);
      addResourceScopes(grant, resources);
      const grantId = await grant.save();
      await deps.addToConsent({ accountId, client }, { scopes, claims, resources });
      const { acr, amr, authTime, sessionUid } = session;
      Object.assign(engineRequest, { grantId, acr, amr, authTime, sessionUid, rar });
      await engineRequest.save();
      recordEvent({
        action: 'sign_in_request.approved',
        accountId,
        clientId,
        sessionUid,
        target: grantId,
        details: {
          scope: scopes.join(' '),
          binding_message: request.bindingMessage,
          authorization_details: listTypes(rar),
        },
      });
      return pingOf(engineRequest);
    },

    /** Adds to the current unit that the application gets `access_denied`. @throws LatchkeyError not_found */
    async deny(owner: Owner, id: string, sessionUid: string) {
      const { request, engineRequest } = await getOpen(owner, id);
      Object.assign(engineRequest, {
        error: 'access_denied',
        errorDescription: 'the user denied access',
        sessionUid,
      });
      await engineRequest.save();
      recordEvent({
        action: 'sign_in_request.denied',
        accountId: owner.accountId,
        clientId: request.clientId,
        sessionUid,
        success: false,
        errorCode: 'access_denied',
      });
      return pingOf(engineRequest);
    },
  };
}

export type SignInRequests = ReturnType<typeof createSignInRequests>;
