import { Provider } from 'oidc-provider';
import { toEpoch } from '../../database/instants.ts';
import { type Row, sql, update } from '../../database/statement-builders.ts';
import type { Write } from '../../database/writes.ts';
import type { Payload } from './models.ts';

/**
 * A refresh token works again for some seconds after its first use (docs/decisions/0016), because the answer to that
 * use may be lost, and several tabs or processes of one application may refresh at once. How many seconds is set by
 * LATCHKEY_REFRESH_OVERLAP (`config/settings.ts`), and for one application by `--refresh-overlap`.
 */

/** How many times a refresh token works at most, its first use included. */
export const MAX_USES = 10;

/**
 * Marks a refresh token as used, or as used once more. The one statement decides and its row count is the answer: the
 * token must be unused, or used within the overlap and fewer than MAX_USES times, while no later token of its family
 * was used twice. MySQL assigns from left to right and reads a table that it updates only through a derived table that
 * it cannot merge.
 */
const USE_REFRESH_TOKEN = update('T_refresh_tokens', {
  set: sql`uses = uses + 1, consumed_at = COALESCE(consumed_at, ${'consumed_at'})`,
  where: sql`id = ${'id'} AND (consumed_at IS NULL OR (
    consumed_at > ${'overlap_began'} AND uses < ${'max_uses'} AND NOT EXISTS (
      SELECT 1 FROM (
        SELECT DISTINCT id, rotated_from, created_at FROM T_refresh_tokens
        WHERE account_id = ${'account_id'} AND family_id = ${'family_id'} AND uses > 1
      ) d
      WHERE d.id <> T_refresh_tokens.id
        AND (d.rotated_from = T_refresh_tokens.id OR d.created_at >= T_refresh_tokens.consumed_at)
    )
  ))`,
});

/** The client of the engine, as far as the overlap needs it. */
interface RefreshingClient {
  clientId: string;
  refresh_overlap?: number;
}

/**
 * The overlap for the token that a request presents, in seconds: 0 for another client and outside of the token
 * endpoint. A sender-constrained token has none unless its application asks for one: a thief cannot use it, and a
 * client that holds its key can wait for the answer.
 */
function overlapSeconds(payload: Payload, byDefault: number): number {
  const oidc = Provider.ctx?.oidc;
  const client = oidc?.client as RefreshingClient | undefined;
  if (oidc?.route !== 'token' || client?.clientId !== payload.clientId) return 0;
  const isSenderConstrained = ['jkt', 'x5t#S256', 'attestationJkt'].some((member) => member in payload);
  return client?.refresh_overlap ?? (isSenderConstrained ? 0 : byDefault);
}

/** Whether the engine may go on with a refresh token that was used. The commit decides: this is what was read. */
export function isInOverlap(payload: Payload, byDefault: number): boolean {
  const seconds = overlapSeconds(payload, byDefault);
  return seconds > 0 && toEpoch(new Date()) - Number(payload.consumed) <= seconds;
}

/** The write that uses a refresh token. @param token `json`: its payload */
export function toUse(
  token: { id: string; json: string; family?: string },
  now: Date,
  byDefault: number,
): Write {
  const payload: Payload = JSON.parse(token.json);
  const seconds = overlapSeconds(payload, byDefault);
  const values: Row = {
    id: token.id,
    consumed_at: now,
    overlap_began: new Date(now.getTime() - seconds * 1000),
    max_uses: seconds > 0 ? MAX_USES : 0,
    account_id: payload.accountId ?? null,
    family_id: token.family ?? null,
  };
  return { statement: USE_REFRESH_TOKEN, values, guard: 'consume' };
}
