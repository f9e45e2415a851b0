import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { recordEvent } from '../audit/index.ts';
import { insertInto } from '../database/statements.ts';
import { currentUnit, type UnitOfWork } from '../database/unit-of-work.ts';
import { uuidv7 } from '../kit/ids.ts';
import type { Logger } from '../kit/log.ts';
import { type EngineError, isCodeReplay, isRefreshTokenReplay } from './engine-internals.ts';
import { auditRefusals } from './refusals.ts';
import { hashTokenValue } from './storage/token-values.ts';

const INSERT_REVOKED = insertInto(
  'T_revoked_tokens',
  ['id', 'created_at', 'token_hash', 'reason', 'client_id', 'account_id', 'revoked_at', 'expires_at'],
  { onConflict: 'nothing' },
);

/** How long the evidence of a replay is kept. */
const EVIDENCE_MS = 365 * 86_400_000;

/** Set on the unit when the engine met an error that nobody expected: its writes are dropped. */
export const BROKEN = 'oidc.broken';

export interface Replay {
  tokenHash: string;
  kind: 'code' | 'refresh_token';
  clientId?: string;
  accountId?: string;
}

/** A code or refresh token came a second time: evidence that outlives the rows it killed. */
export function recordReplay(of: UnitOfWork, replay: Replay): void {
  const now = new Date();
  const reason = replay.kind === 'code' ? 'code_replay' : 'refresh_token_reuse';
  const values = {
    id: uuidv7(),
    created_at: now,
    token_hash: replay.tokenHash,
    reason,
    client_id: replay.clientId ?? null,
    account_id: replay.accountId ?? null,
    revoked_at: now,
    expires_at: new Date(now.getTime() + EVIDENCE_MS),
  };
  const known = of.memory.get('oidc.replay');
  if (known) return;
  of.memory.set('oidc.replay', replay);
  of.write({ statement: INSERT_REVOKED, values }, `T_revoked_tokens:${replay.tokenHash}`);
  recordEvent({
    action: `${reason}.detected`,
    accountId: replay.accountId,
    clientId: replay.clientId,
    success: false,
    errorCode: 'invalid_grant',
  });
}

/**
 * The engine's own detection: the value was already marked as used when this request read it.
 * @returns whether it was a replay, which has a row of its own
 */
function recordSecondUse(ctx: KoaContextWithOIDC, error: EngineError): boolean {
  const { params, client, entities } = ctx.oidc;
  if (isCodeReplay(error)) {
    recordReplay(currentUnit(), {
      tokenHash: hashTokenValue(String(params?.code)),
      kind: 'code',
      clientId: client?.clientId,
    });
    return true;
  }
  if (isRefreshTokenReplay(error)) {
    recordReplay(currentUnit(), {
      tokenHash: hashTokenValue(String(params?.refresh_token)),
      kind: 'refresh_token',
      clientId: client?.clientId,
      accountId: entities.RefreshToken?.accountId,
    });
    return true;
  }
  return false;
}

/** The engine's events become audit rows of the same commit, and lines of the log. */
export function listen(provider: Provider, log: Logger, onUse: (clientId: string) => void): void {
  const who = (ctx: KoaContextWithOIDC) => ({
    accountId: ctx.oidc.account?.accountId ?? ctx.oidc.entities.Session?.accountId,
    clientId: ctx.oidc.client?.clientId,
    sessionUid: ctx.oidc.session?.uid,
  });
  const on = provider.on.bind(provider) as (name: string, listener: (...args: never[]) => void) => void;

  auditRefusals(provider, log, recordSecondUse);
  for (const success of ['authorization.success', 'grant.success']) {
    on(success, (ctx: KoaContextWithOIDC) => {
      if (ctx.oidc.client) onUse(ctx.oidc.client.clientId);
    });
  }
  on('grant.revoked', (ctx: KoaContextWithOIDC, grantId: string) => {
    recordEvent({ action: 'grant.revoked', ...who(ctx), target: grantId });
  });
  on('end_session.success', (ctx: KoaContextWithOIDC) =>
    recordEvent({ action: 'sign_out.succeeded', ...who(ctx) }),
  );
  for (const model of ['access_token', 'refresh_token', 'client_credentials']) {
    on(`${model}.destroyed`, (token: { accountId?: string; clientId?: string }) => {
      recordEvent({ action: `${model}.revoked`, accountId: token.accountId, clientId: token.clientId });
    });
  }
  on('server_error', (_ctx: KoaContextWithOIDC, error: Error) => {
    currentUnit().memory.set(BROKEN, error);
    log.error({ event: 'server_error', err: error });
  });
}
