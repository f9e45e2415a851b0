import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { uuidv7 } from '../../src/kit/ids.ts';
import { projectPath } from '../../src/kit/project-root.ts';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { addRows } from '../../src/oidc/trace/store.ts';
import { Browser } from '../support/browser.ts';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { commandEnvironment } from '../support/command.ts';
import { shareServer } from '../support/shared-server.ts';
import { latchkey } from '../support/warm-command.ts';

describe('latchkey trace', () => {
  const shared = shareServer();
  let client: ClientDocument;
  const refuse = async (params: Record<string, string>) => {
    const { issuer, services } = shared.server;
    await new Browser(issuer).get(authorizeUrl(authorization(client, params)));
    await services.traces.write();
  };
  const run = (...args: string[]) => latchkey(['trace', ...args], { url: shared.server.storage.url });

  before(async () => {
    client = await shared.server.createClient();
  });

  test('says so when nothing happened', async () => {
    assert.equal((await run('--client', 'nobody')).stdout, 'No attempts in the last day.\n');
    assert.deepEqual(JSON.parse((await run('--account', 'nobody', '--json')).stdout), []);
    const wrong = await run('--limit', 'x');
    assert.deepEqual([wrong.code, wrong.stderr], [1, '--limit is a number from 1 to 200.\n']);
  });

  test('prints each attempt with its steps, the fault and what to change', async () => {
    await refuse({ redirect_uri: 'https://fieldnotes.example/other?code=x\u001b[31m' });
    const { stdout } = await run('--client', client.client_id);
    assert.match(
      stdout,
      new RegExp(
        `^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d  Fieldnotes \\(${client.client_id}\\)  did not connect, at authorize$`,
        'm',
      ),
    );
    assert.match(stdout, /^ {2}\d\d:\d\d:\d\d {2}authorize {5}refused {2}invalid_redirect_uri: .*other\.$/m);
    assert.match(stdout, /^ {2}Fault: {3}The application, or its registration here\.$/m);
    assert.match(stdout, /^ {2}Change: {2}`latchkey client update /m);
    assert.ok(!stdout.includes('code=x') && !stdout.includes('\u001b'));
    const [story] = JSON.parse((await run('--client', client.client_id, '--json')).stdout);
    assert.deepEqual(
      [story.ending, story.stopped_at, story.client_id],
      ['refused', 'request', client.client_id],
    );
  });

  describe('--follow', () => {
    const children: ReturnType<typeof spawn>[] = [];
    after(() => {
      for (const child of children) child.kill('SIGKILL');
    });
    function follow(...args: string[]) {
      const child = spawn(process.execPath, [projectPath('bin/latchkey.js'), 'trace', '--follow', ...args], {
        env: commandEnvironment({ url: shared.server.storage.url }),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      children.push(child);
      let errors = '';
      child.stderr.on('data', (chunk) => {
        errors += chunk;
      });
      const ended = once(child, 'exit').then(([code]) => ({ code, errors }));
      return { child, ended };
    }
    async function addRow(): Promise<void> {
      const now = new Date();
      const step = { at: now.toISOString(), step: 'request', error: 'invalid_request' };
      await addRows(shared.server.database.knex, [
        {
          id: uuidv7(),
          created_at: now,
          attempt_id: uuidv7(),
          client_id: client.client_id,
          account_id: null,
          status: 'refused',
          steps: JSON.stringify([step]),
          expires_at: new Date(now.getTime() + 60_000),
        },
      ]);
    }
    /** Writes rows until the command prints one, or ends. */
    async function keepWriting<T>(done: Promise<T>): Promise<T> {
      let isDone = false;
      const write = async () => {
        for (; !isDone; await sleep(300)) await addRow();
      };
      const writing = write();
      try {
        return await done;
      } finally {
        isDone = true;
        await writing;
      }
    }
    const firstOutput = async ({ child }: ReturnType<typeof follow>): Promise<string> => {
      assert.ok(child.stdout);
      const [chunk] = await keepWriting(once(child.stdout, 'data'));
      return String(chunk);
    };

    test('prints new steps, and ends quietly with Ctrl-C or when nobody reads', async () => {
      const interrupted = follow('--json', '--client', client.client_id);
      const [line = ''] = (await firstOutput(interrupted)).split('\n');
      assert.equal(JSON.parse(line).steps.at(-1).step, 'request');
      interrupted.child.kill('SIGINT');
      assert.deepEqual(await interrupted.ended, { code: 0, errors: '' });

      const unread = follow();
      assert.match(await firstOutput(unread), /did not connect, at authorize/);
      unread.child.stdout?.destroy();
      assert.deepEqual(await keepWriting(unread.ended), { code: 0, errors: '' });
    });
  });
});
