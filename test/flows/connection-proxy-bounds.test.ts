import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { Readable, Writable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { passOn } from '../../src/connections/proxy/answer.ts';
import { createApiClient } from '../../src/connections/proxy/api-client.ts';
import { beginCalls, problemOf, startWithGoogle, usesOf } from '../support/builders/proxied-calls.ts';
import { receiveAll, sendRaw } from '../support/raw-http.ts';

const MEGABYTE = 1024 * 1024;
const WRITE = 'openid connections:google.write';

describe('a call through the proxy has bounds', () => {
  let started: Awaited<ReturnType<typeof startWithGoogle>>;
  const ends: (() => unknown)[] = [];
  before(async () => {
    started = await startWithGoogle(
      { after: (end: unknown) => void ends.push(end as () => unknown) },
      'sqlite',
    );
  });
  after(async () => {
    for (const end of ends) await end();
  });

  test('a body of 64 MB: a larger one is refused, at once if its length is announced', async () => {
    const { server, google } = started;
    const { call, token, person } = await beginCalls(started, { scope: WRITE });
    const before = google.requests.length;
    const request = `POST /connections/google/proxy/v1/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${64 * MEGABYTE + 1}\r\n\r\n`;
    const announced = await receiveAll(sendRaw(server.issuer, request));
    assert.match(announced, /^HTTP\/1\.1 413 /);
    assert.match(announced, /"code":"request_too_large"/);
    const part = Buffer.alloc(MEGABYTE, 'z');
    const body = Readable.toWeb(Readable.from(Array.from({ length: 66 }, () => part))) as ReadableStream;
    const streamed = await call('v1/echo', { method: 'POST', body, duplex: 'half' }).catch(() => undefined);
    if (streamed) await problemOf(streamed, 413, 'request_too_large');
    assert.equal(google.requests.length, before, 'the service has had no whole request');
    const uses = await usesOf(server, person, 2);
    assert.deepEqual(
      uses.map(({ error_code }) => error_code),
      ['request_too_large', 'request_too_large'],
    );
  });

  test('an answer of 1 GB: a larger one is cut off', async () => {
    const part = Buffer.alloc(64 * MEGABYTE);
    const body = Readable.from(Array.from({ length: 17 }, () => part));
    const sink = new Writable({ write: (_chunk, _encoding, done) => done() }) as unknown as ServerResponse;
    const end = await passOn(sink, { statusCode: 200, body: body as never });
    assert.deepEqual([end.status, end.errorCode], ['failed', 'answer_too_large']);
    assert.equal(sink.destroyed, true);
  });

  test('time: a service that does not answer is upstream_timeout, one that stops in the middle is cut off', async (t) => {
    const { server } = started;
    const { call, person } = await beginCalls(started, { scope: WRITE });
    const hasty = createApiClient({
      allowPrivate: true,
      times: { connect: 1000, headers: 300, idle: 300 },
    });
    const { apiClient } = server.services.connections;
    const { send } = apiClient;
    t.after(() => {
      apiClient.send = send;
      return hasty.close();
    });
    apiClient.send = hasty.send;
    await problemOf(await call('v1/slow'), 504, 'upstream_timeout');
    const halved = await call('v1/stalled');
    assert.equal(halved.status, 200);
    await assert.rejects(halved.text());
    const uses = await usesOf(server, person, 2);
    assert.deepEqual(
      uses.map(({ status, error_code }) => [status, error_code]),
      [
        ['failed', 'upstream_timeout'],
        ['failed', 'upstream_timeout'],
      ],
    );
  });
});
