import { fromEpoch } from '../../database/instants.ts';
import type { Row } from '../../database/statements.ts';
import { digest } from '../../kit/ids.ts';
import { hashTokenValue } from './token-values.ts';

/** What the engine hands over to be stored; each model's IN_PAYLOAD names its members. */
export interface Payload {
  [member: string]: unknown;
  kind?: string;
  exp?: number;
  accountId?: string;
  clientId?: string;
  grantId?: string;
  scope?: string;
  nonce?: string;
  userCode?: string;
  params?: Record<string, string | undefined>;
}

/** How a model rests: its table, the column that its hashed id stands in, and the columns that are read from SQL. */
export interface Model {
  table: string;
  key: string;
  consumable?: boolean;
  grantable?: boolean;
  /** Its grant, account and session are read together with it. */
  related?: boolean;
  /** Members that would hand a thief something to present; they rest sealed in the column `code_sealed`. */
  sealed?: string[];
  /** Columns that say which rows of the same request a new row comes from. */
  links?: string[];
  /** The same columns whatever the payload holds. */
  columns(payload: Payload): Row;
}

const text = (value: unknown) => (typeof value === 'string' ? value : null);

const owned = (payload: Payload): Row => ({
  account_id: text(payload.accountId),
  client_id: text(payload.clientId) ?? '',
  grant_id: text(payload.grantId),
  scope: text(payload.scope),
});

/** Tokens and codes also say which session they came from. Object.assign, as wherever rows are made: see decision 14. */
const issued = (payload: Payload): Row =>
  Object.assign(owned(payload), { session_uid: text(payload.sessionUid) });

const polled: Omit<Model, 'table'> = {
  key: 'code_hash',
  consumable: true,
  grantable: true,
  sealed: ['jti', 'userCode'],
  columns: (payload) =>
    Object.assign(owned(payload), { user_code_hash: payload.userCode ? digest(payload.userCode) : null }),
};

const accessToken: Model = {
  table: 'T_access_tokens',
  key: 'token_hash',
  links: ['authorization_code_id'],
  grantable: true,
  related: true,
  columns: (payload) =>
    Object.assign(issued(payload), {
      kind: payload.kind === 'ClientCredentials' ? 'client_credentials' : 'access_token',
    }),
};

const registrationToken: Model = {
  table: 'T_registration_tokens',
  key: 'token_hash',
  columns: (payload) => ({ kind: payload.kind ?? '', client_id: text(payload.clientId) }),
};

/** Session and Interaction have ways of their own: sessions.ts and authorization-requests.ts. */
export const models: Record<string, Model> = {
  AccessToken: accessToken,
  ClientCredentials: accessToken,
  AuthorizationCode: {
    table: 'T_authorization_codes',
    key: 'code_hash',
    links: ['authorization_request_id', 'state'],
    consumable: true,
    grantable: true,
    related: true,
    columns: (payload) =>
      Object.assign(issued(payload), {
        scope: payload.scope ?? '',
        redirect_uri: text(payload.redirectUri) ?? '',
        nonce: text(payload.nonce),
        response_type: 'code',
        code_challenge: text(payload.codeChallenge),
        code_challenge_method: text(payload.codeChallengeMethod),
      }),
  },
  RefreshToken: {
    table: 'T_refresh_tokens',
    key: 'token_hash',
    links: ['rotated_from'],
    consumable: true,
    grantable: true,
    related: true,
    columns: issued,
  },
  Grant: {
    table: 'T_grants',
    key: 'id',
    columns: (payload) => ({
      account_id: text(payload.accountId),
      client_id: text(payload.clientId) ?? '',
      scope: text((payload.openid as { scope?: string } | undefined)?.scope),
    }),
  },
  DeviceCode: { table: 'T_device_codes', ...polled },
  BackchannelAuthenticationRequest: { table: 'T_backchannel_authentication_requests', ...polled },
  PushedAuthorizationRequest: {
    table: 'T_pushed_authorization_requests',
    key: 'request_hash',
    consumable: true,
    columns: () => ({}),
  },
  ReplayDetection: {
    table: 'T_replay_detections',
    key: 'replay_hash',
    columns: (payload) => ({ issuer: text(payload.iss) ?? '' }),
  },
  InitialAccessToken: registrationToken,
  RegistrationAccessToken: registrationToken,
};

/** The key that a row is stored under: grants have ids of our own, all else is presented and so is hashed. */
export function storedKey(model: Model, id: string): string {
  return model.key === 'id' ? id : hashTokenValue(id);
}

export function expiry(payload: Payload): Date | null {
  return payload.exp === undefined ? null : fromEpoch(payload.exp);
}
