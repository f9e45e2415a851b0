import assert from 'node:assert/strict';
import { request, type ServerResponse } from 'node:http';
import { Readable, Writable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { passOn } from '../../src/connections/proxy/answer.ts';
import { createApiClient } from '../../src/connections/proxy/api-client.ts';
import { createSlots } from '../../src/connections/proxy/slots.ts';
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

  test('time: an application that does not read its answer is cut off', async () => {
    const body = Readable.from(Array.from({ length: 64 }, () => Buffer.alloc(MEGABYTE)));
    const sink = new Writable({ write() {} }) as unknown as ServerResponse;
    const end = await passOn(sink, { statusCode: 200, body: body as never }, 20);
    assert.equal(end.status, 'cancelled');
    assert.equal(sink.destroyed, true);
    const slow = new Writable({ write: (_chunk, _encoding, done) => setTimeout(done, 10) });
    const parts = Readable.from(Array.from({ length: 10 }, () => Buffer.alloc(MEGABYTE)));
    const read = await passOn(
      slow as unknown as ServerResponse,
      { statusCode: 200, body: parts as never },
      60,
    );
    assert.equal(read.status, 'completed');
  });

  test('calls at once: unread answers of one person keep nobody else from calling', async (t) => {
    const { server } = started;
    const [mallory, ada] = [await beginCalls(started), await beginCalls(started)];
    const statuses: number[] = [];
    const path = '/connections/google/proxy/v1/download?bytes=20000000';
    const options = { agent: false, headers: { authorization: `Bearer ${mallory.token}` } } as const;
    const open = Array.from({ length: 140 }, () =>
      request(server.issuer + path, options, (response) => {
        statuses.push(response.statusCode ?? 0);
        response.pause();
      })
        .on('error', () => {})
        .end(),
    );
    t.after(() => {
      for (const one of open) one.destroy();
    });
    // The first 16 are running, and 64 wait.
    while (statuses.length < 76) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(
      [200, 429].map((status) => statuses.filter((one) => one === status).length),
      [16, 60],
    );
    const answer = await ada.call('v1/echo', { signal: AbortSignal.timeout(5000) });
    assert.equal(answer.status, 200);
  });

  test('a slot is taken in the order of the calls, given up with the call, and refused in time', async () => {
    const take = createSlots({ running: 1, waiting: 2, waitMs: 50 });
    const never = new AbortController().signal;
    const first = await take('a', never);
    const gone = new AbortController();
    const [second, third] = [take('a', gone.signal), take('a', never)];
    assert.equal(await take('a', never), undefined, 'two wait already');
    assert.ok(await take('b', never), 'another key');
    gone.abort();
    assert.equal(await second, undefined);
    first?.();
    const giveBack = await third;
    assert.ok(giveBack);
    assert.equal(await take('a', never), undefined, 'not in time');
    giveBack();
    assert.ok(await take('a', never));
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
