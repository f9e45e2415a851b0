import type { TestServer } from '../server.ts';
import { signInWith } from './authorization.ts';
import { visit } from './signed-in.ts';

/** Uses the pages of an account that has an application: its sessions, applications, activity and profile. */
export async function useAccountPages(
  server: TestServer,
  client: Parameters<typeof signInWith>[1],
): Promise<void> {
  const olga = await server.createAccount('olga');
  await signInWith(server, client, olga);
  const { browser } = await visit(server, olga, '/account/activity?show=security');
  const send = async (page: string, action: string, fields: Record<string, string>) => {
    const html = await (await browser.get(page)).text();
    const csrf = new RegExp(`action="${action}">\\s*<input type="hidden" name="csrf" value="([^"]+)"`).exec(
      html,
    )?.[1];
    const answer = await browser.post(action, { ...fields, csrf: String(csrf) });
    if (answer.status !== 303) throw new Error(`${action} answered ${answer.status}`);
  };
  await send('/account/sessions', '/account/sessions/end', { session: 'others' });
  await send('/account/applications', '/account/applications/withdraw', { client: client.client_id });
  await send('/account/profile', '/account/profile', { name: 'Olga', theme: 'dark' });
  await send('/account/profile', '/account/profile/username', { username: 'olga.petrova' });
  await browser.get('/account/activity?show=applications&before=ffffffff-ffff-7fff-bfff-ffffffffffff');
  await send('/account/data', '/account/data', {});
  await server.settled();
  await closeAccount(server);
}

/** Closes an account, and lets its time be over. */
async function closeAccount(server: TestServer): Promise<void> {
  const { database, services } = server;
  const vera = await server.createAccount('vera');
  await visit(server, vera, '/account/data');
  const { uid } = await database.knex('T_user_sessions').where({ account_id: vera.id }).first('uid');
  const { closing } = services.accounts;
  await closing.close({ accountId: vera.id, sessionUid: uid, origin: {} });
  await database
    .knex('T_accounts')
    .where({ id: vera.id })
    .update({ closing_at: new Date(0) });
  await closing.deleteClosed();
}
