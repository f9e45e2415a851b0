import type { KoaContextWithOIDC } from 'oidc-provider';
import { recordEvent } from '../audit/index.ts';
import { insertInto } from '../database/statements.ts';
import { currentUnit, type UnitOfWork } from '../database/unit-of-work.ts';
import { uuidv7 } from '../kit/ids.ts';
import { type EngineError, isCodeReplay, isRefreshTokenReplay } from './engine-internals.ts';
import { hashTokenValue } from './storage/token-values.ts';

const INSERT_REPLAY = insertInto(
  'T_revoked_tokens',
  ['id', 'created_at', 'token_hash', 'reason', 'client_id', 'account_id', 'revoked_at', 'expires_at'],
  { onConflict: 'nothing' },
);

/** How long the record of a replay is kept: much longer than the rows that it revoked. */
const RECORD_MS = 365 * 86_400_000;

const MEMORY_KEY = 'oidc.replay';

/** A code or refresh token that was used a second time, which may mean that it was stolen. */
export interface Replay {
  tokenHash: string;
  kind: 'code' | 'refresh_token';
  clientId?: string;
  accountId?: string;
}

/** Records the replay in T_revoked_tokens and in the audit log, once for each request. */
export function recordReplay(unit: UnitOfWork, replay: Replay): void {
  if (unit.memory.has(MEMORY_KEY)) return;
  unit.memory.set(MEMORY_KEY, replay);
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
    expires_at: new Date(now.getTime() + RECORD_MS),
  };
  unit.write({ statement: INSERT_REPLAY, values }, `T_revoked_tokens:${replay.tokenHash}`);
  recordEvent({
    action: `${reason}.detected`,
    accountId: replay.accountId,
    clientId: replay.clientId,
    success: false,
    errorCode: 'invalid_grant',
  });
}

/**
 * Records a replay that the engine detected itself, since the value had been used before this request read it.
 * (When two requests use a value at once, the commit detects it: see failed-guards.ts.)
 * @returns whether the error meant a replay
 */
export function recordReplayOf(ctx: KoaContextWithOIDC, error: EngineError): boolean {
  const { params, client, entities } = ctx.oidc;
  const isCode = isCodeReplay(error);
  if (!isCode && !isRefreshTokenReplay(error)) return false;
  recordReplay(currentUnit(), {
    tokenHash: hashTokenValue(String(isCode ? params?.code : params?.refresh_token)),
    kind: isCode ? 'code' : 'refresh_token',
    clientId: client?.clientId,
    accountId: isCode ? undefined : entities.RefreshToken?.accountId,
  });
  return true;
}
