import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { projectPath } from '../../src/kit/project-root.ts';
import { beginCalls, startWithGoogle } from '../support/builders/proxied-calls.ts';

interface Example {
  listCalendars(accessToken: string): Promise<{ id: string; summary: string }[]>;
}

test('the example of docs/CONNECTIONS.md reads calendars, and names what is wrong', async (t) => {
  const text = readFileSync(projectPath('docs/CONNECTIONS.md'), 'utf8');
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(text) ?? [];
  const started = await startWithGoogle(t, 'sqlite');
  const { server } = started;
  assert.ok(code.includes('https://id.example.com/'));
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-example-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'example.ts');
  // Node removes the types.
  writeFileSync(file, code.replace('https://id.example.com', server.issuer));
  const { listCalendars } = (await import(pathToFileURL(file).href)) as Example;
  const { token, person, connectionId } = await beginCalls(started);
  const calendars = await listCalendars(token);
  assert.deepEqual(
    calendars.map(({ summary }) => summary),
    ['Ada', 'Tides'],
  );
  const owner = { id: connectionId, accountId: person.id, service: 'google' };
  await server.services.connections.vault.remove(owner, { actorId: person.id });
  await assert.rejects(listCalendars(token), /not_connected/);
});
