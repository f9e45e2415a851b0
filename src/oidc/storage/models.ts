import { fromEpoch } from '../../database/instants.ts';
import type { Row } from '../../database/statement-builders.ts';
import { digest } from '../../kit/ids.ts';
import { hashTokenValue } from './token-values.ts';

/** What the engine stores of a model; the model's IN_PAYLOAD in the engine lists all members. */
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

/** How a model is stored: as JSON in `payload`, beside the columns that SQL needs. */
export interface Model {
  table: string;
  /** The column of the hashed id. */
  key: string;
  /** Whether it can be used once: it then has a column `consumed_at`. */
  consumable?: boolean;
  /** Whether its user answers it elsewhere, once, while the client polls. */
  polled?: boolean;
  /** Whether it is issued under a grant, and revoked with it. */
  grantable?: boolean;
  /** Whether its grant, account and session are read together with it (preload.ts). */
  related?: boolean;
  /** Members that could be presented to us; they are stored sealed, in the column `code_sealed`. */
  sealed?: string[];
  /** The column of the family that a code or token belongs to; a code of either kind begins one (token-families.ts). */
  family?: 'id' | 'family_id';
  /** Columns that name the rows of the same request from which a new row comes. */
  links?: string[];
  /** For how many seconds the row is needed after the engine no longer accepts it. */
  keptFor?(payload: Payload): number;
  /** Further columns; always the same ones, whatever the payload holds. */
  columns(payload: Payload): Row;
}

const text = (value: unknown) => (typeof value === 'string' ? value : null);

/** Object.assign instead of spread, here and wherever rows are made, is measurably faster: docs/decisions/0014. */
const ownerColumns = (payload: Payload): Row => ({
  account_id: text(payload.accountId),
  client_id: text(payload.clientId) ?? '',
  grant_id: text(payload.grantId),
  scope: text(payload.scope),
});

/** Codes and tokens also name the session they were issued in. */
const tokenColumns = (payload: Payload): Row =>
  Object.assign(ownerColumns(payload), { session_uid: text(payload.sessionUid) });

/** Whether the user has allowed or denied a code that is polled. */
export const isAnswered = ({ grantId, error }: Payload) => grantId !== undefined || error !== undefined;

/** Codes for which an application polls while the user decides on another device. */
const polledCode: Omit<Model, 'table'> = {
  key: 'code_hash',
  consumable: true,
  grantable: true,
  polled: true,
  sealed: ['jti', 'userCode'],
  columns: (payload) =>
    Object.assign(ownerColumns(payload), {
      user_code_hash: payload.userCode ? digest(payload.userCode) : null,
    }),
};

const accessToken: Model = {
  table: 'T_access_tokens',
  key: 'token_hash',
  links: ['authorization_code_id', 'family_id'],
  family: 'family_id',
  grantable: true,
  related: true,
  columns: (payload) =>
    Object.assign(tokenColumns(payload), {
      kind: payload.kind === 'ClientCredentials' ? 'client_credentials' : 'access_token',
    }),
};

const registrationToken: Model = {
  table: 'T_registration_tokens',
  key: 'token_hash',
  columns: (payload) => ({ kind: payload.kind ?? '', client_id: text(payload.clientId) }),
};

/** Session and Interaction are not here: see sessions.ts and authorization-requests.ts. */
export const models: Record<string, Model> = {
  AccessToken: accessToken,
  ClientCredentials: accessToken,
  AuthorizationCode: {
    table: 'T_authorization_codes',
    key: 'code_hash',
    links: ['authorization_request_id', 'state'],
    family: 'id',
    consumable: true,
    grantable: true,
    related: true,
    columns: (payload) =>
      Object.assign(tokenColumns(payload), {
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
    links: ['rotated_from', 'family_id'],
    family: 'family_id',
    consumable: true,
    grantable: true,
    related: true,
    columns: tokenColumns,
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
  DeviceCode: { table: 'T_device_codes', family: 'id', ...polledCode },
  BackchannelAuthenticationRequest: {
    table: 'T_backchannel_authentication_requests',
    ...polledCode,
    // Its user answers on our own page and types no code, so the column only says that no answer has come.
    columns: (payload) =>
      Object.assign(ownerColumns(payload), {
        user_code_hash: isAnswered(payload) ? null : digest(String(payload.jti)),
      }),
  },
  PushedAuthorizationRequest: {
    table: 'T_pushed_authorization_requests',
    key: 'request_hash',
    consumable: true,
    // A sign-in may take an hour, and uses the request at its end. Anyone can push for an application without a secret, so
    // those rows do not stay.
    keptFor: ({ trusted }) => (trusted ? 3600 : 0),
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

/** The key under which a row is stored. A grant's id is never presented; all other ids are, and so are hashed. */
export function storedKey(model: Model, id: string): string {
  return model.key === 'id' ? id : hashTokenValue(id);
}

/** @param keptFor seconds */
export function expiryOf(payload: Payload, keptFor = 0): Date | null {
  return payload.exp === undefined ? null : fromEpoch(payload.exp + keptFor);
}
