import type { Knex } from 'knex';
import { listServiceRows } from '../connections/services/store.ts';
import { type ClientMetadata, listClients } from '../oidc/clients/store.ts';

/**
 * @returns which applications are given the tokens of which services, as a sentence
 * @throws Error that names services whose tokens are never handed out, because they have keys or do not exist
 */
export async function describeHandOuts(knex: Knex): Promise<string> {
  const services = new Map((await listServiceRows(knex)).map((row) => [row.service_name, row.auth_type]));
  const named = (await listClients(knex))
    .filter(({ is_active }) => Boolean(is_active))
    .map(({ client_id, client_name, metadata }) => {
      const { hand_out_services = [] }: ClientMetadata = JSON.parse(metadata);
      return { application: `${client_name} (${client_id})`, clientId: client_id, names: hand_out_services };
    })
    .filter(({ names }) => names.length > 0);
  for (const { application, clientId, names } of named) {
    const neverHandedOut = names.find((name) => services.get(name) !== 'oauth2');
    if (neverHandedOut === undefined) continue;
    const why = services.has(neverHandedOut)
      ? 'has keys, which are never handed out'
      : 'is not a service here';
    throw new Error(
      `${application} is to be given tokens of ${neverHandedOut}, which ${why}. Name its services again: npx latchkey client update ${clientId} --hand-out …`,
    );
  }
  if (named.length === 0) return 'no application is given tokens of connected accounts';
  return named
    .map(({ application, names }) => `${application} is given tokens of ${names.join(', ')}`)
    .join('; ');
}
