import type { Knex } from 'knex';
import { parseConnectionScope } from '../../access/connection-scopes.ts';
import { parseScopes } from '../../access/scopes.ts';

/** The accounts of a person at a service, and an application that may use them. */
export interface ConnectionAccessKey {
  accountId: string;
  clientId: string;
  service: string;
}

/** Without the scopes over that service. */
const withoutService = (scope: string | null | undefined, service: string): string =>
  parseScopes(scope)
    .filter((one) => parseConnectionScope(one)?.service !== service)
    .join(' ');

/**
 * Removes the scopes over a service from what an account has allowed an application: from the remembered consent, so that
 * the person is asked again, and from its grants, which limit every token that was or will be issued under them.
 * @returns whether there were any
 */
export async function endConnectionAccess(
  trx: Knex.Transaction,
  { accountId, clientId, service }: ConnectionAccessKey,
): Promise<boolean> {
  const key = { account_id: accountId, client_id: clientId };
  // A write first: SQLite cannot turn a reader into a writer.
  await trx('T_grants')
    .where(key)
    .update({ scope: trx.ref('scope') });
  let hasEnded = false;
  for (const { id, scope } of await trx('T_consents').where(key).select('id', 'scope')) {
    const left = withoutService(scope, service);
    if (left === scope) continue;
    hasEnded = true;
    await trx('T_consents').where({ id }).update({ scope: left, updated_at: new Date() });
  }
  const grants = await trx('T_grants').where(key).whereNull('revoked_at').select('id', 'scope', 'payload');
  for (const { id, scope, payload } of grants) {
    const left = withoutService(scope, service);
    if (left === (scope ?? '')) continue;
    hasEnded = true;
    const grant = JSON.parse(payload);
    const openid = { ...grant.openid, scope: withoutService(grant.openid?.scope, service) };
    await trx('T_grants')
      .where({ id })
      .update({ scope: left, payload: JSON.stringify({ ...grant, openid }) });
  }
  return hasEnded;
}
