import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';
import type { Fault } from '../../src/oidc/trace/fault-types.ts';
import { findFault } from '../../src/oidc/trace/find-fault.ts';
import { PAGE_FAULTS, REQUEST_FAULTS, SIGN_IN_FAULTS } from '../../src/oidc/trace/request-faults.ts';
import { unknownClientId, withoutQuery } from '../../src/oidc/trace/steps.ts';
import { GRANT_FAULTS, TOKEN_FAULTS, USERINFO_FAULTS } from '../../src/oidc/trace/token-faults.ts';

const page = readFileSync(projectPath('docs/connect/it-does-not-connect.md'), 'utf8');
/** Rows about signing out, and one that only points to another table. */
const LEFT_OUT = [
  'You are not signed out yet',
  'invalid_request, could not decode id_token_hint',
  'invalid_grant: grant request is invalid',
];

/** The rows that quote an answer, of the table whose first column has that heading. Links are their text. */
function rowsUnder(heading: string): string[][] {
  const [, table = ''] = page.split(`| ${heading} |`);
  return [...(table.split('\n\n')[0] ?? '').matchAll(/^\| `([^`]+)` \| (.*) \| (.*) ?\|$/gm)]
    .map(([, ...cells]) => cells.map((cell) => cell.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').trim()))
    .filter(([says]) => !LEFT_OUT.includes(String(says)));
}

test('the causes and remedies are those of docs/connect/it-does-not-connect.md', () => {
  const tables: [string, Fault[]][] = [
    ['the page says', PAGE_FAULTS],
    ['`latchkey trace` names', SIGN_IN_FAULTS],
    ['the application gets', REQUEST_FAULTS],
    ['`/token` answers', TOKEN_FAULTS],
    ['`detail` in the log', GRANT_FAULTS],
    ['`/me` answers', USERINFO_FAULTS],
  ];
  for (const [heading, faults] of tables)
    assert.deepEqual(
      faults.map(({ answer, cause, remedy }) => [answer, cause, remedy]),
      rowsUnder(heading),
      heading,
    );
});

test('each answer that the document quotes finds its own row', () => {
  const answers = [
    ...REQUEST_FAULTS.map((fault) => ({ fault, step: 'request' as const })),
    ...[...TOKEN_FAULTS, ...USERINFO_FAULTS].map((fault) => ({ fault, step: 'token' as const })),
  ];
  for (const { fault, step } of answers) {
    const [error = '', ...rest] = fault.answer.split(': ');
    const found = findFault({ at: '', step, error, description: rest.join(': ') });
    assert.equal(found.cause, fault.cause, fault.answer);
  }
  for (const fault of GRANT_FAULTS)
    assert.equal(
      findFault({
        at: '',
        step: 'token',
        error: 'invalid_grant',
        description: 'grant request is invalid',
        detail: fault.answer,
      }).cause,
      fault.cause,
    );
});

test('a wrong clock is not taken for a wrong assertion', () => {
  const refused = {
    at: '',
    step: 'token',
    error: 'invalid_client',
    description: 'client authentication failed',
  } as const;
  assert.equal(
    findFault({ ...refused, detail: 'jwt expired', parameter: 'client_assertion' }).whose,
    'clock',
  );
  assert.equal(findFault({ ...refused, detail: 'jwt not active yet' }).whose, 'clock');
  assert.match(findFault({ ...refused, parameter: 'client_assertion' }).remedy, /aud/);
});

test('no address keeps a query, a user name or a fragment, and nothing like a secret is taken for a client_id', () => {
  assert.equal(withoutQuery('https://a:b@x.example:8443/cb?code=1#y'), 'https://x.example:8443/cb');
  assert.equal(withoutQuery('not an address'), undefined);
  assert.equal(withoutQuery(['x']), undefined);
  assert.equal(unknownClientId('https://x.example/client.json?a=1'), 'https://x.example/client.json');
  assert.equal(unknownClientId('an-app'), 'an-app');
  for (const bad of ['ada@harbour.example', 'x'.repeat(43), '\u001b[31m', '<b>', undefined])
    assert.equal(unknownClientId(bad), undefined);
});
