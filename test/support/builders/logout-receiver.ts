import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface LogoutReceiver {
  /** The address for logout tokens. */
  url: string;
  /** The logout tokens that have arrived, in their order. */
  tokens: string[];
  /** The next answers; after the last one, 200. `hang`: none ever comes. */
  answers: (number | 'hang')[];
}

/** An application that takes logout tokens. */
export async function receiveLogouts(t: Pick<TestContext, 'after'>): Promise<LogoutReceiver> {
  const receiver: LogoutReceiver = { url: '', tokens: [], answers: [] };
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    receiver.tokens.push(new URLSearchParams(body).get('logout_token') ?? '');
    const answer = receiver.answers.shift() ?? 200;
    if (answer !== 'hang') res.writeHead(answer).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/backchannel`;
  return receiver;
}
