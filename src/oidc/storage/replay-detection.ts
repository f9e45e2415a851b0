import { errors, Provider } from 'oidc-provider';
import { isVetted } from '../../access/registered-via.ts';
import type { Row } from '../../database/statement-builders.ts';
import { currentUnit, type UnitOfWork } from '../../database/unit-of-work.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';
import { Adapter } from './adapter.ts';
import { expiryOf, type Model, models, type Payload } from './models.ts';
import { statementsOf } from './statements.ts';

const model = models.ReplayDetection as Model;

const MEMORY_KEY = 'oidc.assertion';

/** Remembers that the next id of this request is that of a client assertion, whose use twice is another error. */
export function markAssertion(unit: UnitOfWork): void {
  unit.memory.set(MEMORY_KEY, true);
}

/**
 * Whether the id of a DPoP proof need not be stored, because a public application sent it with a pushed request. Sent again, that
 * proof has the effect of the parameter `dpop_jkt`, which anyone may send; but stored, such proofs could fill the database.
 */
function isHarmless(): boolean {
  const { route, client } = Provider.ctx?.oidc ?? {};
  return route === 'pushed_authorization_request' && client?.clientAuthMethod === 'none';
}

const USES = 'oidc.uses';
const writeKey = (id: string) => `${model.table}:${id}`;
const usesOf = (unit: UnitOfWork) => (unit.memory.get(USES) ?? []) as string[];

/** Does not store the ids of this request that would be committed together with it. */
export function forgetUses(unit: UnitOfWork): void {
  for (const id of usesOf(unit)) unit.cancel(writeKey(id));
}

/** Whether anyone may have registered the client of this request. */
function isUnvetted(): boolean {
  const { client } = Provider.ctx?.oidc ?? {};
  return client !== undefined && !isVetted(client as object);
}

/**
 * Ids of client assertions and proofs that may be used once (`jti`). The engine looks for an id before it stores it,
 * which parallel requests can both pass; here the unique index refuses the second INSERT.
 */
export class ReplayDetection extends Adapter {
  /** @throws errors.InvalidRequest, for a client assertion errors.InvalidClientAuth, when the id is stored already */
  override async upsert(id: string, payload: Payload): Promise<void> {
    if (isHarmless()) return;
    const values: Row = Object.assign({ id: uuidv7(), created_at: new Date() }, model.columns(payload), {
      [model.key]: digest(id),
      payload: '{"kind":"ReplayDetection"}',
      expires_at: expiryOf(payload),
    });
    const statement = statementsOf(model).insertIfNew;
    const unit = currentUnit();
    const isAssertion = unit.memory.delete(MEMORY_KEY);
    if (isUnvetted()) {
      // Committed with what the request leads to (stored-requests.ts), of which the guard lets one request have it.
      unit.memory.set(USES, [...usesOf(unit), id]);
      unit.write({ statement, values, guard: 'replay' }, writeKey(id));
      return;
    }
    const failedGuard = await unit.commitNow([{ statement, values, guard: 'replay' }]);
    if (failedGuard && isAssertion)
      throw new errors.InvalidClientAuth('client assertion tokens must only be used once');
    if (failedGuard) throw new errors.InvalidRequest('this proof was used before');
  }
}
