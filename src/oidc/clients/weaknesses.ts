import type { Knex } from 'knex';
import { IMPLICIT } from '../../access/grant-type-names.ts';
import { isLoopback, isPrivateUse } from './redirect-uris.ts';
import { type ClientMetadata, type ClientRow, listClients } from './store.ts';

/** What one application does less well than OAuth 2.1 asks, and the change that mends it. */
function weaknessesOf(row: ClientRow): string[] {
  const metadata: ClientMetadata = JSON.parse(row.metadata);
  const redirectUris: string[] = JSON.parse(row.redirect_uris);
  const update = `npx latchkey client update ${row.client_id}`;
  const plain = redirectUris.find((uri) => uri.startsWith('http:') && !isLoopback(uri));
  const claimed = redirectUris.find((uri) => isPrivateUse(uri) && !uri.split(':')[0]?.includes('.'));
  const isImplicit = metadata.grant_types.includes(IMPLICIT);
  const rules: [isWeak: boolean, sentence: string][] = [
    [
      row.client_type === 'confidential' && row.pkce === 'off',
      `nothing protects its codes from being used in another browser (section 7.5.1): ${update} --pkce or-nonce`,
    ],
    [
      isImplicit,
      `its tokens come in the address of a browser, where its history and other programs can read them (section 10.1): ${update} --grant-type authorization_code --response-type code`,
    ],
    [
      plain !== undefined,
      `anyone in its network can read the codes that are sent to ${plain} (section 1.5): ${update} --redirect-uri https://…`,
    ],
    [
      claimed !== undefined,
      `another program can claim the scheme of ${claimed} (section 8.4.3): ${update} --redirect-uri com.example.app:/…`,
    ],
    [
      row.client_type === 'public' && Number(row.refresh_overlap) > 60 && !metadata.dpop_bound_access_tokens,
      `a stolen refresh token works beside the real one for ${row.refresh_overlap} seconds (section 4.3.1): ${update} --refresh-overlap default`,
    ],
    [
      metadata.jwks_uri?.startsWith('http:') === true,
      `anyone on the way can replace the keys that it publishes at ${metadata.jwks_uri} (section 1.5): ${update} --jwks-uri https://…`,
    ],
    [
      Number(metadata.access_token_ttl) > 86_400,
      `its access tokens live for longer than a day (section 7.1.4): ${update} --access-token-ttl default`,
    ],
  ];
  return rules.filter(([isWeak]) => isWeak).map(([, sentence]) => `${row.client_name}: ${sentence}`);
}

/** @returns one sentence for each point in which an active application is weaker than OAuth 2.1 */
export async function findWeaknesses(source: Knex): Promise<string[]> {
  const rows = await listClients(source);
  return rows.filter(({ is_active }) => Boolean(is_active)).flatMap(weaknessesOf);
}

/** @returns the name and the client_id of each active application with the implicit grant */
export async function listImplicitApplications(source: Knex): Promise<string[]> {
  const rows = await listClients(source);
  return rows
    .filter(
      (row) => row.is_active && (JSON.parse(row.metadata) as ClientMetadata).grant_types.includes(IMPLICIT),
    )
    .map(({ client_name, client_id }) => `${client_name} (${client_id})`);
}
