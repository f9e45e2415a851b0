import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Usage } from './control.ts';
import { closeConnections, send } from './http.ts';
import { median } from './measure.ts';

/**
 * `npm run bench:proxy`: what a call through the proxy of connections costs over the same call through a bare proxy, and
 * whether memory stays flat during a large download. The limits are in ms of server CPU and in MB.
 */
const CPU_LIMIT = 0.5;
const MEMORY_LIMIT = 40;
const AT_ONCE = 16;
const WARM_UP = 5000;
const MEGABYTE = 1024 * 1024;
const PATH = '/connections/google/proxy/calendar/v3/users/me/calendarList';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, calls: { type: 'string', default: '3000' } },
});

interface Proxy {
  child: ChildProcess;
  origin: string;
  token: string;
}

const message = async <T>(child: ChildProcess) => (await once(child, 'message'))[0] as T;

async function startProxy(variant: 'bare' | 'latchkey', api: string): Promise<Proxy> {
  const file = fileURLToPath(new URL('./server-proxied.js', import.meta.url));
  const child = fork(file, [variant, api], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  return Object.assign({ child }, await message<{ origin: string; token: string }>(child));
}

async function usageOf({ child }: Proxy): Promise<Usage> {
  child.send('usage');
  return message<Usage>(child);
}

async function call({ origin, token }: Proxy, count: number): Promise<void> {
  let left = count;
  const headers = { authorization: `Bearer ${token}` };
  const run = async () => {
    while (left-- > 0) {
      const { status, body } = await send(origin, PATH, { headers });
      if (status !== 200) throw new Error(`${status}: ${body}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
}

/** @returns ms of server CPU for a call */
async function costOf(proxy: Proxy): Promise<number> {
  const before = await usageOf(proxy);
  await call(proxy, Number(values.calls));
  return ((await usageOf(proxy)).cpu - before.cpu) / Number(values.calls);
}

/** @returns by how many MB the peak of memory grew in a download of 200 MB, after one of half the size */
async function growthOf(proxy: Proxy): Promise<number> {
  const download = async (bytes: number) => {
    const url = `${proxy.origin}/connections/google/proxy/download?bytes=${bytes}`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${proxy.token}` } });
    let size = 0;
    for await (const part of response.body ?? []) {
      size += part.length;
      // A reader that is slower than the service.
      if (size % (8 * MEGABYTE) < part.length) await new Promise((done) => setTimeout(done, 20));
    }
    if (size !== bytes) throw new Error(`${size} of ${bytes} bytes arrived`);
  };
  await download(100 * MEGABYTE);
  const before = await usageOf(proxy);
  await download(200 * MEGABYTE);
  return (await usageOf(proxy)).rss - before.rss;
}

const chunk = Buffer.alloc(64 * 1024, 'x');
const answer = JSON.stringify({
  items: Array.from({ length: 4 }, (_, id) => ({ id, summary: 'Tides at the harbour' })),
});
const api = createServer((req, res) => {
  let left = Number(new URL(String(req.url), 'http://api.example').searchParams.get('bytes') ?? 0);
  if (left === 0) return res.writeHead(200, { 'content-type': 'application/json' }).end(answer);
  res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': left });
  const write = (): void => {
    while (left > 0) {
      left -= chunk.length;
      if (!res.write(chunk)) return void res.once('drain', write);
    }
    res.end();
  };
  return write();
});
await new Promise<void>((done) => api.listen(0, '127.0.0.1', done));
const apiUrl = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
const [bare, latchkey] = [await startProxy('bare', apiUrl), await startProxy('latchkey', apiUrl)];
await call(bare, WARM_UP);
await call(latchkey, WARM_UP);
const costs: { bare: number; latchkey: number }[] = [];
for (let round = 0; round < Number(values.rounds); round += 1)
  costs.push({ bare: await costOf(bare), latchkey: await costOf(latchkey) });
const extra = median(costs.map((cost) => cost.latchkey - cost.bare));
const growth = await growthOf(latchkey);
const bareGrowth = await growthOf(bare);
process.stdout.write(
  `a call, ms of server CPU: bare ${median(costs.map((cost) => cost.bare)).toFixed(3)}, Latchkey ` +
    `${median(costs.map((cost) => cost.latchkey)).toFixed(3)}, more ${extra.toFixed(3)} (limit ${CPU_LIMIT})` +
    `${extra <= CPU_LIMIT ? '' : ' MISSED'}\n` +
    `a download of 200 MB: after one of 100 MB the peak of memory grew by ${growth.toFixed(0)} MB (limit ${MEMORY_LIMIT}), bare ${bareGrowth.toFixed(0)} MB` +
    `${growth <= MEMORY_LIMIT ? '' : ' MISSED'}\n`,
);
closeConnections();
for (const { child } of [bare, latchkey]) child.disconnect();
api.closeAllConnections();
api.close();
