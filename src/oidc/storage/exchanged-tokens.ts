import { TOKEN_EXCHANGE } from '../../access/grant-type-names.ts';
import type { Row } from '../../database/statement-builders.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Payload } from './models.ts';
import { findPresentedFamily } from './token-families.ts';

const SOURCE = 'oidc.exchanged-family';

/** Keeps the family of the subject token that was found last: the token that is issued for it joins that family. */
export function setSourceFamily(unit: UnitOfWork): void {
  unit.memory.set(SOURCE, findPresentedFamily(unit));
}

export function findSourceFamily(unit: UnitOfWork): { id: string; grantId: string } | undefined {
  return unit.memory.get(SOURCE) as { id: string; grantId: string } | undefined;
}

/**
 * Whether the row is of an exchanged token whose grant has been revoked, or whose session has ended. That grant is of
 * another client, and so is that session's authorization: the engine cannot check them.
 */
export function isOrphaned(row: Row): boolean {
  if (typeof row.payload !== 'string' || !row.payload.includes(TOKEN_EXCHANGE)) return false;
  if (JSON.parse(row.payload).gty !== TOKEN_EXCHANGE) return false;
  return row.grant_payload === null || (row.session_uid !== null && row.session_payload === null);
}

/** Hides the grant from the engine, which would refuse one of another client. */
export const withoutForeignGrant = (payload: Payload): Payload =>
  payload.gty === TOKEN_EXCHANGE ? Object.assign(payload, { grantId: undefined }) : payload;
