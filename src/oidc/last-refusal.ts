import { sql, update } from '../database/statement-builders.ts';
import type { UnitOfWork } from '../database/unit-of-work.ts';
import type { Refusal } from './clients/store.ts';

const UPDATE_LAST_REFUSED = update('T_oauth_clients', {
  set: ['last_refused'],
  where: sql`client_id = ${'client_id'}`,
});

/** Notes at a client what `latchkey client show` says about the latest refused request, in the commit of the request. */
export function recordLastRefusal(unit: UnitOfWork, clientId: string, refusal: Omit<Refusal, 'at'>): void {
  const last_refused = JSON.stringify({ at: new Date().toISOString(), ...refusal });
  unit.write({ statement: UPDATE_LAST_REFUSED, values: { client_id: clientId, last_refused } });
}
