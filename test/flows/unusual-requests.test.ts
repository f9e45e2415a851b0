import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { receiveAll, sendRaw } from '../support/raw-http.ts';
import { startServer } from '../support/server.ts';

const FORM = 'application/x-www-form-urlencoded';
const CLOSE = 'Host: x\r\nConnection: close\r\n';

interface Line {
  level: number;
  event?: string;
  err?: { message: string };
}

/** A log that keeps its lines. */
function createLines() {
  const lines: Line[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  return { lines, log };
}

describe('every request that parses has our headers and an id', () => {
  for (const [name, request, status] of [
    ['a target whose path Node reads as null', `GET //a?@b# HTTP/1.1\r\n${CLOSE}\r\n`, 400],
    ['a fragment', `GET /#x HTTP/1.1\r\n${CLOSE}\r\n`, 400],
    ['two slashes', `GET //evil.example/.. HTTP/1.1\r\n${CLOSE}\r\n`, 404],
    ['a target that is no path', `GET evil HTTP/1.1\r\n${CLOSE}\r\n`, 400],
    ['a broken percent-encoding', `GET /%zz HTTP/1.1\r\n${CLOSE}\r\n`, 400],
    ['OPTIONS *', `OPTIONS * HTTP/1.1\r\n${CLOSE}\r\n`, 404],
    ['TRACE', `TRACE / HTTP/1.1\r\n${CLOSE}\r\n`, 405],
    ['CONNECT', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n', 405],
    [
      'an upgrade',
      'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: upgrade, close\r\nUpgrade: h2c\r\n\r\n',
      200,
    ],
    ['an unknown expectation', `GET /healthz HTTP/1.1\r\n${CLOSE}Expect: nonsense\r\n\r\n`, 200],
    ['no Host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['two Hosts', `GET /healthz HTTP/1.1\r\nHost: y\r\n${CLOSE}\r\n`, 400],
    ['HTTP/1.0', 'GET /healthz HTTP/1.0\r\n\r\n', 200],
    ['a whole URL', `GET http://evil.example/healthz HTTP/1.1\r\n${CLOSE}\r\n`, 200],
    ['a whole URL without a path', `GET http://evil.example?a=b HTTP/1.1\r\n${CLOSE}\r\n`, 303],
    ['bytes that are not HTTP', '\0\x01\r\n\r\n', 400],
    ['too many headers', `GET / HTTP/1.1\r\n${CLOSE}X: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ] as const)
    test(name, async (t) => {
      const { lines, log } = createLines();
      const server = await startServer(t, 'sqlite', { log });
      const answer = await receiveAll(sendRaw(server.issuer, request));
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.match(answer, /^x-request-id: [\w-]{36}\r$/im);
      assert.match(answer, /^x-content-type-options: nosniff\r$/im);
      assert.deepEqual(
        lines.filter(({ level }) => level >= 40),
        [],
      );
    });

  test('the host of a whole URL appears in no document', async (t) => {
    const server = await startServer(t, 'sqlite');
    const answer = await receiveAll(
      sendRaw(
        server.issuer,
        `GET http://evil.example/.well-known/openid-configuration HTTP/1.1\r\n${CLOSE}\r\n`,
      ),
    );
    assert.match(answer, /"token_endpoint"/);
    assert.doesNotMatch(answer, /evil/);
  });
});

describe('a lost connection', () => {
  test('during an upload is no outage of the database', async (t) => {
    const { lines, log } = createLines();
    const server = await startServer(t, 'sqlite', { log });
    for (const path of [
      '/token',
      '/forgot',
      '/interaction/abc',
      '/webauthn/authentication/options',
      '/auth',
    ]) {
      const type = path.startsWith('/webauthn') ? 'application/json' : FORM;
      const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: 500\r\n\r\na=`;
      const socket = sendRaw(server.issuer, head);
      await sleep(50);
      socket.resetAndDestroy();
    }
    // In the middle of a chunk, with bytes that end the request.
    const chunks = `POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc`;
    const socket = sendRaw(server.issuer, chunks);
    await sleep(50);
    socket.write('\r\nnonsense\r\n');
    await sleep(300);
    assert.ok(lines.length >= 5);
    assert.deepEqual(
      lines.filter(({ level }) => level >= 40),
      [],
    );
  });
});

describe('a body of 10 MB', () => {
  const paths = [
    '/token',
    '/token/introspection',
    '/token/revocation',
    '/me',
    '/auth',
    '/session/end/confirm',
  ];
  for (const path of [
    ...paths,
    '/forgot',
    '/interaction/abc',
    '/webauthn/authentication/options',
    '/nothing',
  ])
    for (const chunked of [false, true])
      test(`is refused with 413, at ${path}${chunked ? ' in chunks' : ''}`, async (t) => {
        const server = await startServer(t, 'sqlite');
        const type = path.startsWith('/webauthn') ? 'application/json' : FORM;
        const began = performance.now();
        const length = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': 10_000_000 };
        const headers = { 'content-type': type, origin: server.issuer, ...length };
        const { status, closes } = await new Promise<{ status?: number; closes: boolean }>(
          (resolve, reject) => {
            const sent = httpRequest(server.issuer + path, { method: 'POST', headers }, (response) => {
              response.resume();
              resolve({ status: response.statusCode, closes: response.headers.connection === 'close' });
            });
            sent.on('error', reject);
            sent.end(Buffer.alloc(10_000_000, 'a=b&'));
          },
        );
        // Nothing reads a body in chunks at a path that does not exist.
        assert.equal(status, chunked && path === '/nothing' ? 404 : 413);
        assert.ok(closes);
        assert.ok(performance.now() - began < 1500);
      });

  test('is not asked for with 100 Continue, and not read', async (t) => {
    const server = await startServer(t, 'sqlite');
    const head = `POST /token HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10000000\r\n\r\n`;
    const began = performance.now();
    const answer = await receiveAll(sendRaw(server.issuer, head));
    assert.match(answer, /^HTTP\/1\.1 413 /);
    assert.ok(performance.now() - began < 2000, 'the connection ends soon');
  });
});
