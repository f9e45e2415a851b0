import type { KoaContextWithOIDC } from 'oidc-provider';
import { recordEvent } from '../audit/index.ts';
import { currentUnit, type UnitOfWork } from '../database/unit-of-work.ts';
import { type EngineError, isCodeReplay, isRefreshTokenReplay } from './engine/errors.ts';
import { recordLastRefusal } from './last-refusal.ts';
import { findPresentedFamily, insertRevokedToken, type RevokedToken } from './storage/token-families.ts';
import { hashTokenValue } from './storage/token-values.ts';

const MEMORY_KEY = 'oidc.replay';

/**
 * Records in T_revoked_tokens and in the audit log, once for each request, that a code or refresh token was used again,
 * which may mean that it was stolen.
 */
export function recordReplay(unit: UnitOfWork, replay: RevokedToken): void {
  if (unit.memory.has(MEMORY_KEY)) return;
  unit.memory.set(MEMORY_KEY, replay);
  insertRevokedToken(unit, replay);
  const action = `${replay.reason}.detected`;
  const parameter = replay.reason === 'code_replay' ? 'code' : 'refresh_token';
  // What the engine answers.
  const description = 'grant request is invalid';
  if (replay.clientId)
    recordLastRefusal(unit, replay.clientId, { action, error: 'invalid_grant', description, parameter });
  recordEvent({
    action,
    accountId: replay.accountId,
    clientId: replay.clientId,
    success: false,
    errorCode: 'invalid_grant',
    errorMessage: description,
    details: { parameter, description },
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
  const unit = currentUnit();
  const family = findPresentedFamily(unit);
  recordReplay(unit, {
    tokenHash: hashTokenValue(String(isCode ? (params?.code ?? params?.device_code) : params?.refresh_token)),
    reason: isCode ? 'code_replay' : 'refresh_token_reuse',
    clientId: client?.clientId,
    accountId: family?.accountId ?? entities.RefreshToken?.accountId,
    familyId: family?.id,
  });
  return true;
}
