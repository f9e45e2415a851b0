import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { Agent } from 'undici';
import { createLog } from '../src/kit/log.ts';
import { runPeriodically } from '../src/kit/periodic-jobs.ts';
import { signInWith } from '../test/support/builders/authorization.ts';
import { startServer } from '../test/support/server.ts';

/** A server of `npm run bench:proxy`: a bare proxy, or Latchkey. Its arguments are which, and the URL of the API. */
const [, , variant = '', api = ''] = process.argv;
const ends: (() => unknown)[] = [];

/** The least that a proxy of undici does. */
async function startBare(): Promise<{ origin: string; token: string }> {
  const agent = new Agent({ connections: 128 });
  const listener: RequestListener = async (req, res) => {
    const path = String(req.url).replace('/connections/google/proxy', '');
    const { statusCode, headers, body } = await agent.request({ origin: api, path, method: 'GET' });
    delete headers.connection;
    delete headers['keep-alive'];
    res.writeHead(statusCode, headers);
    await pipeline(body, res).catch(() => {});
  };
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: 'none' };
}

/** With log and jobs, as `npm start` runs it. */
async function startLatchkey(): Promise<{ origin: string; token: string }> {
  const log = createLog('info');
  const t = { after: (end: unknown) => void ends.push(end as () => unknown) };
  const server = await startServer(t, 'sqlite', { log, config: { allowPrivateServices: true } });
  const { services, vault, useLog, usage } = server.services.connections;
  const change = { clientId: 'bench', clientSecret: 'bench' };
  await services.add({ accountId: null }, { name: 'google', preset: 'google', baseUrl: api, change });
  const ada = await server.createAccount('ada', 'openid connections:*');
  await vault.save({
    accountId: ada.id,
    service: 'google',
    identity: { id: '1' },
    accessLevel: 'read',
    tokens: { accessToken: 'a'.repeat(200), tokenType: 'Bearer' },
  });
  runPeriodically(2000, log, 'connection-log', () => useLog.write());
  runPeriodically(30_000, log, 'connection-usage', () => usage.write());
  const scope = 'openid connections:google.read';
  const client = await server.createClient({ scope, firstParty: true });
  const { tokens } = await signInWith(server, client, ada, { scope });
  return { origin: server.issuer, token: String(tokens.body.access_token) };
}

const facts = await (variant === 'bare' ? startBare() : startLatchkey());
process.on('message', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  process.send?.({ cpu: (userCPUTime + systemCPUTime) / 1000, rss: maxRSS / 1024 });
});
process.on('disconnect', async () => {
  for (const end of ends) await end();
  process.exit(0);
});
process.send?.(facts);
