import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import type { Authenticator, Tweaks } from '../authenticator.ts';
import type { Browser } from '../browser.ts';
import type { EngineName } from '../engines.ts';
import { startServer, type TestServer } from '../server.ts';
import { type Answer, authenticate, newcomer, signInPage } from './passkey.ts';

/** A server that the tests of a `describe` share, with people who have passkeys. */
export function sharePasskeyServer(engine: EngineName) {
  const ends: (() => unknown)[] = [];
  let server: TestServer;
  let client: Awaited<ReturnType<TestServer['createClient']>>;
  before(async () => {
    server = await startServer({ after: (end: unknown) => void ends.push(end as () => unknown) }, engine);
    client = await server.createClient();
  });
  after(async () => {
    for (const end of ends) await end();
  });

  let count = 0;
  const person = (key?: Authenticator) => {
    count += 1;
    return newcomer(server, `p${count}`, key);
  };
  /** @param why as the audit log has it */
  const refused = async (answer: Answer, why: string) => {
    assert.equal(answer.status, 401, JSON.stringify(answer.body));
    assert.equal(answer.body.location, undefined);
    const audit = server.database.knex('T_auth_audit_log').orderBy('id', 'desc');
    assert.equal((await audit.first('error_code')).error_code, why);
  };
  const reasons = (accountId: string) =>
    server.database
      .knex('T_auth_audit_log')
      .where({ account_id: accountId, success: false })
      .orderBy('id')
      .pluck('error_code');
  const signIn = async (key: Authenticator, tweaks: Tweaks = {}) => {
    const { browser, place } = await signInPage(server, client);
    return authenticate(browser, place, key, tweaks);
  };
  return {
    /** What `before` has started. */
    get server() {
      return server;
    },
    openSignIn: (browser?: Browser) => signInPage(server, client, {}, browser),
    person,
    refused,
    reasons,
    signIn,
  };
}
