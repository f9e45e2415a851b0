import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { Browser } from './browser.ts';
import { walk } from './builders/authorization.ts';
import type { TestServer } from './server.ts';

/** An application on a port of its own. */
export interface Application {
  origin: string;
  /** Sets what answers. The application needs its origin, and often a registration, before it can be built. */
  serve(listener: RequestListener): void;
}

export async function openApplication(t: Pick<TestContext, 'after'>): Promise<Application> {
  let listener: RequestListener = (_request, response) => void response.writeHead(503).end();
  const http = createServer((request, response) => listener(request, response));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    http.closeAllConnections();
    http.close();
  });
  return {
    origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    serve: (next) => {
      listener = next;
    },
  };
}

async function toRequest(origin: string, incoming: IncomingMessage): Promise<Request> {
  const hasBody = !['GET', 'HEAD'].includes(incoming.method ?? 'GET');
  return new Request(new URL(incoming.url ?? '/', origin), {
    method: incoming.method,
    headers: Object.entries(incoming.headersDistinct).flatMap(([name, values = []]) =>
      values.map((value): [string, string] => [name, value]),
    ),
    body: hasBody ? await text(incoming) : undefined,
  });
}

/** Serves libraries that answer a web-standard `Request` with a `Response`. */
export function fetchListener(
  origin: string,
  handle: (request: Request) => Promise<Response>,
): RequestListener {
  return async (incoming, outgoing) => {
    const response = await handle(await toRequest(origin, incoming));
    for (const [name, value] of response.headers) outgoing.appendHeader(name, value);
    outgoing.writeHead(response.status).end(await response.text());
  };
}

/**
 * Signs in at the server, which the application redirected to, and allows.
 * @returns the response of the application's redirect URI
 */
export async function signInFor(
  server: TestServer,
  application: { visitor: Browser; redirect: string | null },
  person: { username: string; password: string },
  browser = new Browser(server.issuer),
): Promise<Response> {
  const { searchParams } = new URL(application.redirect ?? '');
  const last = await walk(browser, { params: Object.fromEntries(searchParams), verifier: '' }, person);
  const callback = last.headers.get('location');
  if (!callback) throw new Error(`the browser was not sent on (${last.status}): ${await last.text()}`);
  return application.visitor.get(callback);
}
