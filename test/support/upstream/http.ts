import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

/** A request that has arrived at a stand-in. */
export interface UpstreamRequest {
  method: string;
  /** With its query. */
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

type Answer = (res: ServerResponse, request: UpstreamRequest, url: URL) => unknown;

export const json = (res: ServerResponse, status: number, body: unknown, headers = {}) =>
  res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

/** Answers of an API that misbehave, below any stand-in: each test picks one by its path. */
const MISBEHAVIOUR: Record<string, Answer> = {
  '/echo': (res, request) =>
    json(res, 200, {
      method: request.method,
      path: request.path,
      headers: request.headers,
      body: request.body,
    }),
  '/download': (res, _request, url) => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let left = Number(url.searchParams.get('bytes') ?? 1_000_000);
    res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': String(left) });
    const send = (): void => {
      while (left > 0) {
        const part = left < chunk.length ? chunk.subarray(0, left) : chunk;
        left -= part.length;
        if (!res.write(part)) return void res.once('drain', send);
      }
      res.end();
    };
    send();
  },
  '/redirect': (res, _request, url) =>
    res.writeHead(302, { location: url.searchParams.get('to') ?? 'https://elsewhere.example/' }).end(),
  '/page': (res) =>
    res
      .writeHead(200, {
        'content-type': 'text/html',
        'set-cookie': 'session=theirs',
        'clear-site-data': '"*"',
      })
      .end('<script>document.title = "taken over"</script>'),
  '/slow': () => undefined,
  '/broken': (res) => {
    res.writeHead(200, { 'content-type': 'text/plain', 'content-length': '1000' }).write('half');
    setTimeout(() => res.destroy(), 20);
  },
  '/unauthorized': (res) => json(res, 401, { error: 'never' }),
  '/stalled': (res) => {
    res.writeHead(200, { 'content-type': 'text/plain', 'content-length': '1000' }).write('half');
  },
  '/busy': (res) => json(res, 429, { error: 'too many' }, { 'retry-after': '7' }),
  '/error': (res) => json(res, 500, { error: 'internal' }),
  '/empty': (res) => res.writeHead(204).end(),
};

/** Listens on a free port of 127.0.0.1 until the test ends. */
export async function serve(
  t: Pick<TestContext, 'after'>,
  answer: (res: ServerResponse, request: UpstreamRequest, url: URL) => Promise<boolean> | boolean,
): Promise<{
  url: string;
  requests: UpstreamRequest[];
  /** Waits for a request of that path, ten seconds at most. */
  received(path: string): Promise<void>;
}> {
  const requests: UpstreamRequest[] = [];
  const server = createServer(async (req, res) => {
    const parts: Buffer[] = [];
    try {
      for await (const part of req) parts.push(part);
    } catch {
      // The caller has broken off.
      return;
    }
    const body = Buffer.concat(parts).toString();
    const request = { method: String(req.method), path: String(req.url), headers: req.headers, body };
    requests.push(request);
    const url = new URL(request.path, 'http://upstream.example');
    const misbehave = MISBEHAVIOUR[url.pathname.slice(url.pathname.lastIndexOf('/'))];
    if (await answer(res, request, url)) return;
    if (misbehave) misbehave(res, request, url);
    else json(res, 404, { error: 'not found' });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async received(path) {
      for (let tries = 0; tries < 1000 && !requests.some((one) => one.path === path); tries += 1)
        await new Promise((done) => setTimeout(done, 10));
    },
  };
}
