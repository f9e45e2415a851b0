import { Browser } from '../browser.ts';
import type { TestServer } from '../server.ts';
import { useAccountPages } from './account-pages.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  refresh,
  signInWith,
  walk,
} from './authorization.ts';
import { useConnections } from './every-connection.ts';
import { invite, open, signUp } from './invitation.ts';
import { newcomer, signInPage } from './passkey.ts';
import { NEW_PASSWORD, openLink, resetLink, send } from './password-reset.ts';
import { secondFactorOf, withApp } from './second-factor.ts';

/** Uses every feature of the server. @returns every secret that people and applications received */
export async function useAll(
  t: { after(end: () => unknown): void },
  server: TestServer,
): Promise<Map<string, string>> {
  const handed = new Map<string, string>();
  const note = (what: string, value: unknown) => void handed.set(`${what} #${handed.size}`, String(value));
  const scope = 'openid offline_access';
  const client = await server.createClient({
    grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
    postLogoutRedirectUris: ['https://fieldnotes.example/bye'],
  });
  note('client secret', client.client_secret);
  const ada = await server.createAccount();
  note('password', ada.password);
  const { browser, tokens, answer } = await signInWith(server, client, ada, { scope, prompt: 'consent' });
  note('code', answer.get('code'));
  for (const what of ['access_token', 'refresh_token']) note(what, tokens.body[what]);
  const second = await refresh(server, client, tokens.body.refresh_token);
  note('refresh token', second.body.refresh_token);
  const { access_token } = second.body;
  await call(server, client, '/token/introspection', { token: access_token });
  await fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${access_token}` } });
  await call(server, client, '/token', { grant_type: 'client_credentials' });
  const silent = authorization(client, { scope: 'openid', prompt: 'none' });
  await redeem(server, client, silent, answerOf(await browser.get(authorizeUrl(silent))).get('code'));
  // A second use, which is stored as evidence.
  const again = authorization(client, { scope: 'openid', prompt: 'consent' });
  const code = answerOf(await walk(browser, again, ada)).get('code');
  for (let time = 0; time < 2; time += 1) await redeem(server, client, again, code);
  // The replay revoked all tokens; these are live.
  const alive = await signInWith(server, client, ada, { scope, prompt: 'consent' });
  for (const what of ['access_token', 'refresh_token']) note(what, alive.tokens.body[what]);
  // Signing out, up to the page that asks for confirmation.
  await browser.get(`/session/end?client_id=${client.client_id}`);
  for (const [name, { value }] of browser.cookies) if (value.length > 20) note(name, value);
  // Sign-ups with an invitation: with a key, with a password, and one that is not finished.
  await newcomer(server, 'mei');
  const invitation = await invite(server);
  note('invitation', invitation.code);
  const { browser: third, page } = await open(server, invitation.code);
  await signUp(third, page, { username: 'ines', email: 'ines@harbour.example' });
  await signInPage(server, client);
  await new Browser(server.issuer).get(authorizeUrl(authorization(client)));
  // The second mail to this address; the first one asks to confirm it.
  await server.settled();
  const link = await resetLink(server, 'ines@harbour.example', 1);
  const reset = await openLink(server, link);
  const done = await send(reset.browser, reset.page, { password: NEW_PASSWORD });
  if (done.status !== 303) throw new Error(`no new password was set (${done.status})`);
  note('link', /[\w-]{24}$/.exec(await resetLink(server, 'ada@harbour.example'))?.[0] ?? 'no link');
  note('app', await withApp(server, ada));
  for (const one of await secondFactorOf(server).recoveryCodes.create(ada.id)) note('recovery code', one);
  for (const [what, secret] of await useConnections(t, server, ada)) note(what, secret);
  await useAccountPages(server, client);
  await server.settled();
  for (const mail of server.sink.mails)
    if (mail.link?.startsWith('/not-me')) note('link of a notice', mail.link.slice(-24));
  return handed;
}
