import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { beginCalls, startWithGoogle, usesOf } from '../support/builders/proxied-calls.ts';

test('a call or an upload that the application breaks off is cancelled, and no error in the log', async (t) => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const started = await startWithGoogle(t, 'sqlite', {}, log);
  const { token, person } = await beginCalls(started, { scope: 'openid connections:google.write' });
  const before = lines.length;
  const begin = (method: string, path: string, headers: Record<string, string> = {}) => {
    const call = request(`${started.server.issuer}/connections/google/proxy/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
    });
    call.on('error', () => {});
    return call;
  };

  const slow = begin('GET', 'v1/slow');
  slow.end();
  await started.google.received('/v1/slow');
  slow.destroy();
  for (const [name, value] of [
    ['content-length', '1000'],
    ['transfer-encoding', 'chunked'],
  ] as const) {
    const upload = begin('POST', 'v1/echo', { [name]: value });
    upload.write('the first part');
    await sleep(300);
    upload.destroy();
  }

  const uses = await usesOf(started.server, person, 3);
  assert.deepEqual(
    uses.map(({ status, error_code }) => [status, error_code]),
    Array(3).fill(['cancelled', null]),
  );
  // Node's parser adds a line about each request that it has no end of.
  const read = () => lines.slice(before).filter(({ event }) => event !== 'request_refused');
  for (let tries = 0; read().length < 3 && tries < 100; tries += 1) await sleep(20);
  const written = read();
  assert.deepEqual(
    written.map(({ level, status, path }) => [level, status, path]),
    Array(3).fill([30, 499, '/connections/google/proxy/*']),
    JSON.stringify(written),
  );
});
