import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import bcrypt from 'bcrypt';
import { BCRYPT_COST, createPasswordHashing } from '../../src/identity/passwords/hashing.ts';
import { LatchkeyError } from '../../src/kit/errors.ts';
import { createSecrets } from '../../src/kit/secrets.ts';

const OLD = 'b2xkLXJpbmctdmFsdWUtdGhhdC1pcy1sb25nLWVub3VnaC0wMTIz';
const NEW = 'bmV3LXJpbmctdmFsdWUtdGhhdC1pcy1sb25nLWVub3VnaC00NTY3';

describe('passwords', () => {
  const passwords = createPasswordHashing(createSecrets([NEW]));

  test('are stored as bcrypt of the documented cost, with the id of their pepper', async () => {
    assert.match(
      await passwords.hash('a quiet harbour'),
      new RegExp(`^[0-9a-f]{8}:\\$2b\\$${BCRYPT_COST}\\$`),
    );
  });

  test('are distinguished beyond 72 bytes and after a NUL', async () => {
    const stored = await passwords.hash(`${'ä'.repeat(60)}1`);
    assert.equal(await passwords.verify(`${'ä'.repeat(60)}1`, stored), true);
    assert.equal(await passwords.verify(`${'ä'.repeat(60)}2`, stored), false);
  });

  test('may have emoji, and composed and decomposed letters are equal', async () => {
    const stored = await passwords.hash('caf\u00e9 🔑🚪');
    assert.equal(await passwords.verify('cafe\u0301 🔑🚪', stored), true);
  });

  test('cannot be verified with another pepper', async () => {
    const stored = await passwords.hash('a quiet harbour');
    assert.equal(await createPasswordHashing(createSecrets([OLD])).verify('a quiet harbour', stored), false);
  });

  test('still verify after the secrets are rotated, and are renewed to one and the same hash', async () => {
    const stored = await createPasswordHashing(createSecrets([OLD])).hash('a quiet harbour');
    const rotated = createPasswordHashing(createSecrets([NEW, OLD]));
    assert.equal(await rotated.verify('a quiet harbour', stored), true);
    const renewed = await rotated.renew('a quiet harbour', stored);
    assert.equal(await rotated.renew('a quiet harbour', stored), renewed);
    assert.equal(await passwords.verify('a quiet harbour', renewed), true);
    assert.equal(await passwords.verify('a loud harbour', renewed), false);
    assert.equal(await rotated.renew('a quiet harbour', renewed), renewed);
    assert.notEqual(renewed, stored);
  });

  test('of an unknown account are wrong, whatever is typed', async () => {
    assert.equal(await passwords.verify('decoy', undefined), false);
    assert.equal(await passwords.verify('', ''), false);
  });

  test('of an unknown account cost as much as those of a known one', async (t) => {
    const compare = t.mock.method(bcrypt, 'compare');
    const stored = await passwords.hash('a quiet harbour');
    await passwords.verify('a loud harbour', stored);
    await passwords.verify('a loud harbour', undefined);
    // The rounds are those of the salt, which begins each hash; a text of another form would not be hashed at all.
    const [known = '', unknown = ''] = compare.mock.calls.map(({ arguments: [, hash] }) => String(hash));
    assert.notEqual(known, unknown);
    assert.equal(bcrypt.getRounds(unknown), bcrypt.getRounds(known));
    assert.equal(unknown.length, known.length);
  });

  test('beyond the limited queue are refused at once', async () => {
    const small = createPasswordHashing(createSecrets([NEW]), 3);
    // Those that are accepted end when it is their turn, so that the test waits for no hash.
    const jobs = Array.from({ length: 40 }, () => small.verify('x', () => Promise.reject(new Error('turn'))));
    const ends = (await Promise.allSettled(jobs)).map((job) => (job as PromiseRejectedResult).reason);
    assert.equal(ends.filter(({ message }) => message === 'turn').length, 25);
    assert.equal(ends.filter((end) => end instanceof LatchkeyError).length, 15);
  });
});
