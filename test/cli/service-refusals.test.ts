import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { shareServer } from '../support/shared-server.ts';
import { latchkey } from '../support/warm-command.ts';

/** A file with the description of a service. */
function describeIn(description: object): string {
  const file = join(mkdtempSync(join(tmpdir(), 'service-')), 'service.json');
  writeFileSync(file, JSON.stringify(description));
  return file;
}

describe('latchkey service, with wrong input,', () => {
  const shared = shareServer();
  const run = (args: string[], input = '') =>
    latchkey(['service', ...args], { url: shared.server.storage.url, input });

  before(async () => {
    await run(['add', 'google', '--client-id', 'abc', '--client-secret-stdin'], 'canary');
    await run(['add', 'motion']);
  });

  const refusals: [what: string, args: string[], message: RegExp][] = [
    [
      'an unknown service',
      ['add', 'nope'],
      /presets for google, motion, github, microsoft\. .*--metadata FILE/,
    ],
    ['a name with other characters', ['add', 'Nope!', '--preset', 'motion'], /A name has 1 to 64 characters/],
    ['a name that is a word of ours', ['add', 'new', '--preset', 'motion'], /a word of Latchkey itself/],
    [
      'a preset that does not exist',
      ['add', 'x', '--preset', 'constructor'],
      /There is no preset constructor/,
    ],
    ['github without a client', ['add', 'github'], /pass the client id: --client-id/],
    ['a client without a secret', ['add', 'github', '--client-id', 'a'], /--client-secret-stdin/],
    [
      'an empty secret',
      ['add', 'github', '--client-id', 'a', '--client-secret-stdin'],
      /no client secret on standard input/,
    ],
    [
      'a client of a service with keys',
      ['add', 'm', '--preset', 'motion', '--client-id', 'a'],
      /has no client id/,
    ],
    ['a service that does not exist', ['show', 'nope'], /There is no service nope/],
    ['a change of one that does not exist', ['update', 'nope', '--scope', 'a'], /There is no service nope/],
    ['a file that does not exist', ['add', 'x', '--metadata', '/nowhere.json'], /cannot be read: ENOENT/],
    [
      'a rate limit that is no number',
      ['update', 'google', '--rate-limit', 'many'],
      /A rate limit is a number of requests/,
    ],
    [
      'a scope with a quotation mark',
      ['update', 'google', '--scope', 'a"b'],
      /characters that RFC 6749 allows/,
    ],
    [
      'an identity outside of the API',
      ['update', 'motion', '--api-base-url', 'https://other.example'],
      /sent only below/,
    ],
  ];
  for (const [what, args, message] of refusals)
    test(`refuses ${what}, and changes nothing`, async () => {
      const { knex } = shared.server.database;
      const before = await knex('T_service_configs').orderBy('id');
      const { code, stderr } = await run(args);
      assert.equal(code, 1, stderr);
      assert.match(stderr, message);
      assert.deepEqual(await knex('T_service_configs').orderBy('id'), before);
    });

  const files: [what: string, description: unknown, message: RegExp][] = [
    ['is a list', [], /The metadata of a service is one JSON object/],
    ['has a number as its issuer', { issuer: 5 }, /issuer is a text/],
    [
      'has a setting that is unknown',
      { auth_type: 'api_key', settings: { colour: 'red' } },
      /Unrecognized key: "colour"/,
    ],
    ['has a kind that is unknown', { auth_type: 'saml' }, /authenticates requests by oauth2 or api_key/],
    [
      'sends a key in the header Host',
      { auth_type: 'api_key', settings: { apiKey: { header: 'Host' } } },
      /header of an API key/,
    ],
    [
      'sets the state',
      {
        issuer: 'https://a.example',
        authorization_endpoint: 'https://a.example/a',
        token_endpoint: 'https://a.example/t',
        settings: { authorizeParams: { state: 'x' } },
      },
      /sets the parameter state itself/,
    ],
    [
      'reads __proto__',
      { auth_type: 'api_key', settings: { identity: { from: 'api', id: '__proto__' } } },
      /A member of the identity/,
    ],
  ];
  for (const [what, description, message] of files)
    test(`refuses a description that ${what}`, async () => {
      const { code, stderr } = await run(['add', 'other', '--metadata', describeIn(description as object)]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, message);
    });
});
