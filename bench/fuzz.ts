import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { signInWith } from '../test/support/builders/authorization.ts';
import type { EngineName } from '../test/support/engines.ts';
import { addGoogle, connectGoogle, openServices } from '../test/support/upstream/connected.ts';
import { startGoogle } from '../test/support/upstream/google.ts';
import { openWorld } from '../test/support/world.ts';
import { createFuzzer, type FuzzedRequest, type Known, randomFrom } from './fuzz-requests.ts';
import { hasServer } from './servers.ts';

/**
 * `npm run fuzz`: sends wrong requests to every route of a server. A finding is a 5xx other than a 503 that says when to
 * come again, a request without an answer, and an end of the process. The memory is printed every ten seconds.
 */
const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    engine: { type: 'string', default: 'sqlite' },
    connections: { type: 'string', default: '16' },
  },
});
const engine = values.engine as EngineName;
const total = Number(values.requests);
const ANSWER_MS = 20_000;
/** After so many findings of a run, more of them teach nothing. */
const MOST_FINDINGS = 20;

const print = (line: string) => process.stdout.write(`${line}\n`);
const counts = new Map<number, number>();
/** The first of each kind. */
const findings = new Map<string, string>();
let sent = 0;

/** @returns the status, 0 when the server closed the connection, -1 when it did not answer */
function send(
  agent: Agent,
  origin: string,
  fuzzed: FuzzedRequest,
): Promise<{ status: number; retry: boolean }> {
  return new Promise((resolve) => {
    const { method, target, headers, body } = fuzzed;
    const { hostname, port } = new URL(origin);
    let sending: ReturnType<typeof request>;
    try {
      const init = { agent, hostname, port, method, path: target || '/', timeout: ANSWER_MS, headers: {} };
      sending = request(init, (response) => {
        response.resume();
        response.once('close', () =>
          resolve({ status: response.statusCode ?? 0, retry: 'retry-after' in response.headers }),
        );
      });
      for (const [name, value] of headers) sending.setHeader(name, value);
    } catch {
      // Node's client refuses to send this one.
      return resolve({ status: 1, retry: false });
    }
    sending.once('timeout', () => {
      resolve({ status: -1, retry: false });
      sending.destroy();
    });
    sending.once('error', () => resolve({ status: 0, retry: false }));
    sending.end(body);
  });
}

/** What no HTTP client sends. */
function sendBytes(origin: string, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(origin).port), '127.0.0.1', () => socket.end(bytes));
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    socket.resume().once('error', () => resolve());
    socket.once('close', () => resolve());
  });
}

const rssOf = (pid: number | undefined) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

if (!(await hasServer(engine))) throw new Error(`${engine} is not installed.`);
const ends: (() => unknown)[] = [];
const until = { after: (end: unknown) => void ends.push(end as () => unknown) };
const world = await openWorld(until, engine);
try {
  const server = await world.start({
    LATCHKEY_TRUST_PROXY: 'true',
    LATCHKEY_LOG_LEVEL: 'error',
    LATCHKEY_ALLOW_PRIVATE_SERVICES: 'true',
  });
  const client = await world.createClient({ firstParty: true });
  const person = await world.createAccount();
  const services = openServices(world.database);
  const google = await startGoogle(until);
  await addGoogle(services, google);
  const scope =
    'openid email https://www.googleapis.com/auth/calendar https://www.googleapis.com/auth/gmail.readonly';
  await connectGoogle(services.connections, google, person, { scope });
  const caller = await world.createClient({ scope: 'openid connections:google.write' });
  await services.accounts.update({ accountId: null }, person.username, {
    scope: 'openid profile email connections:*',
  });
  const calling = await signInWith(server, caller, person, { scope: 'openid connections:google.write' });
  const { browser, answer, tokens } = await signInWith(server, client, person);
  const cookie = [...browser.cookies].map(([key, { value }]) => `${key.split(' ')[1]}=${value}`).join('; ');
  const basic = Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64');
  const known: Known = {
    cookie,
    origin: server.issuer,
    clientId: client.client_id,
    redirectUri: 'https://fieldnotes.example/cb',
    authorization: `Basic ${basic}`,
    connected: { service: 'google', accessToken: String(calling.tokens.body.access_token) },
    values: [
      answer.get('code'),
      ...Object.values(tokens.body),
      person.id,
      person.username,
      'abc',
      'openid',
    ].map(String),
  };
  print(`seed ${values.seed}, ${total} requests, ${engine}`);
  const random = randomFrom(Number(values.seed));
  const next = createFuzzer(random, known);
  const agent = new Agent({ keepAlive: true, maxSockets: Number(values.connections) });

  async function worker(): Promise<void> {
    while (sent < total && findings.size < MOST_FINDINGS) {
      sent += 1;
      if (random() < 0.005) {
        await sendBytes(
          server.issuer,
          Buffer.from(Array.from({ length: 200 }, () => Math.floor(random() * 256))),
        );
        continue;
      }
      const fuzzed = next();
      const number = sent;
      const { status, retry } = await send(agent, server.issuer, fuzzed);
      counts.set(status, (counts.get(status) ?? 0) + 1);
      const isFinding = status === -1 || (status >= 500 && !(status === 503 && retry));
      if (!isFinding) continue;
      const kind = `${status} ${fuzzed.method} ${fuzzed.target.split('?')[0]}`;
      const shown = { ...fuzzed, headers: fuzzed.headers.filter(([name]) => name !== 'Cookie') };
      if (!findings.has(kind))
        findings.set(kind, `request ${number}: ${kind}\n  ${JSON.stringify(shown).slice(0, 2000)}`);
    }
  }
  const watch = setInterval(() => print(`${sent} sent, ${Math.round(rssOf(server.pid()))} MB`), 10_000);
  await Promise.all(Array.from({ length: Number(values.connections) }, worker));
  clearInterval(watch);
  agent.destroy();
  await sleep(2000);
  if ((await fetch(`${server.issuer}/readyz`)).status !== 200)
    findings.set('ready', 'the server is not ready afterwards');
  print(`${google.requests.length} calls reached the connected service`);
  print(`at the end ${Math.round(rssOf(server.pid()))} MB`);
  const errors = server
    .output()
    .split('\n')
    .filter((line) => line.includes('"level":50'));
  print(`${errors.length} errors in the log${errors[0] ? `, the first: ${errors[0].slice(0, 1500)}` : ''}`);
} finally {
  for (const end of ends) await end();
}
for (const [status, count] of [...counts].sort(([a], [b]) => a - b)) print(`${status}: ${count}`);
for (const finding of findings.values()) print(finding);
print(findings.size === 0 ? 'no finding' : `${findings.size} findings`);
process.exitCode = findings.size === 0 ? 0 : 1;
