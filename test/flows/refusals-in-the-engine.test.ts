import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { pino } from 'pino';
import { refuse } from '../../src/kit/errors.ts';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser } from '../support/browser.ts';
import { answerOf, authorization, call, redeem, walk } from '../support/builders/authorization.ts';
import { answerPages, askForCode, createDeviceClient, poll, typeCode } from '../support/builders/device.ts';
import { shareServer } from '../support/shared-server.ts';

const MESSAGE = 'This resource is closed on Sundays.';
const lines: Record<string, unknown>[] = [];
const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
const EXPECTED = { error: 'invalid_request', error_description: MESSAGE };

/** Lets a method that the engine calls refuse every request. @returns a function that ends this */
function refuseAt(holder: object, method: string): () => void {
  const own = holder as Record<string, unknown>;
  const original = own[method];
  own[method] = async () => refuse('closed_on_sundays', MESSAGE);
  return () => void Object.assign(own, { [method]: original });
}

describe('a refusal that a function of ours throws inside of the engine', () => {
  const shared = shareServer({ log });
  let client: ClientDocument;
  let ada: { username: string; password: string };
  before(async () => {
    const { server } = shared;
    ada = await server.createAccount();
    client = await server.createClient({ grantTypes: ['authorization_code', 'client_credentials'] });
  });

  test('is invalid_request with its sentence, its code is in the log, and it is no fault of this server', async () => {
    const { server } = shared;
    for (const path of ['/token', '/request', '/device/auth', '/token/introspection', '/token/revocation']) {
      const from = lines.length;
      const end = refuseAt(server.provider.Client, 'find');
      const { status, body } = await call(server, client, path, { grant_type: 'x', token: 'x' });
      end();
      assert.deepEqual([path, status, body], [path, 400, EXPECTED]);
      const written = lines.slice(from);
      assert.ok(
        written.some(({ detail }) => detail === 'closed_on_sundays'),
        JSON.stringify(written),
      );
      assert.ok(written.every(({ level }) => Number(level) < 50));
    }
  });

  test('commits nothing: a code that was refused so can be exchanged later', async () => {
    const { server } = shared;
    const request = authorization(client);
    const code = answerOf(await walk(new Browser(server.issuer), request, ada)).get('code');
    const end = refuseAt(server.provider.AccessToken.prototype, 'save');
    const refused = await redeem(server, client, request, code);
    end();
    assert.deepEqual([refused.status, refused.body], [400, EXPECTED]);
    assert.equal((await redeem(server, client, request, code)).status, 200);
  });

  test('sends the browser back to the application', async () => {
    const { server } = shared;
    const end = refuseAt(server.provider.AuthorizationCode.prototype, 'save');
    const request = authorization(client);
    const answer = answerOf(await walk(new Browser(server.issuer), request, ada));
    end();
    assert.deepEqual(
      [answer.get('error'), answer.get('error_description'), answer.get('state')],
      ['invalid_request', MESSAGE, request.params.state],
    );
  });

  test('ends the request of a device', async () => {
    const { server } = shared;
    const device = await createDeviceClient(server);
    const { user_code, device_code } = await askForCode(server, device);
    const browser = new Browser(server.issuer);
    const page = await typeCode(browser, user_code);
    const end = refuseAt(server.provider.Grant, 'find');
    const last = await answerPages(browser, page, ada);
    end();
    assert.equal(last.status, 400);
    const { body } = await poll(server, device, device_code);
    assert.deepEqual(body, EXPECTED);
  });
});
