import { Authenticator } from '../test/support/authenticator.ts';
import { accountPlace, newcomer, post } from '../test/support/builders/passkey.ts';
import { BAD_BODIES, BAD_KEYS, BAD_OBJECTS } from '../test/support/malformed-passkeys.ts';
import { startServer } from '../test/support/server.ts';
import { median } from './measure.ts';

/** `npm run bench:hostile`: measures responses to input that slows parsers down. The limit of the median, in ms. */
const LIMIT_MS = 50;
const TIMES = 15;

const ends: (() => unknown)[] = [];
const server = await startServer({ after: (end: unknown) => void ends.push(end as () => unknown) }, 'sqlite');
try {
  const { id, browser } = await newcomer(server, 'mei');
  const place = await accountPlace(server, id);

  async function time(what: string, make: (key: Authenticator, options: never) => unknown): Promise<void> {
    const took: number[] = [];
    let status = 0;
    for (let turn = 0; turn < TIMES; turn += 1) {
      const { body: options } = await post(browser, 'registration/options', place);
      const body = make(new Authenticator(server.issuer), options as never);
      const from = performance.now();
      ({ status } = await post(browser, 'registration/verify', body));
      took.push(performance.now() - from);
    }
    const [middle, most] = [median(took), Math.max(...took)].map((ms) => ms.toFixed(1).padStart(7));
    const missed = Number(middle) > LIMIT_MS ? 'MISSED' : '';
    process.stdout.write(`${what.padEnd(42)} ${status} ${middle} ms, at most ${most} ${missed}\n`);
  }

  for (const [what, publicKey] of Object.entries(BAD_KEYS))
    await time(what, (key, options) => ({ ...place, response: key.create(options, { publicKey }) }));
  for (const [what, attestation] of Object.entries(BAD_OBJECTS))
    await time(what, (key, options) => ({ ...place, response: key.create(options, { attestation }) }));
  const names = BAD_BODIES(place, {} as never).map((body) => JSON.stringify(body)?.slice(0, 40) ?? 'none');
  for (const [index, name] of names.entries())
    await time(name, (key, options) => BAD_BODIES(place, key.create(options))[index]);
} finally {
  for (const end of ends) await end();
}
