import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { SELECT_GRANT_OWNER } from './statements.ts';

/** The account of a grant, even of a revoked one. */
export async function findGrantOwner(unit: UnitOfWork, grantId: string): Promise<string | undefined> {
  const grant = await unit.findKnown<{ json: string }>(`T_grants:${grantId}`);
  if (grant) return JSON.parse(grant.json).accountId;
  const row = await unit.readOnce(`T_grants:owner:${grantId}`, () =>
    unit.readOne(SELECT_GRANT_OWNER, { id: grantId }),
  );
  return row && String(row.account_id);
}
