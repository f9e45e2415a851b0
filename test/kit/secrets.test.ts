import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createSecrets } from '../../src/kit/secrets.ts';

const OLD = 'b2xkLXJpbmctdmFsdWUtdGhhdC1pcy1sb25nLWVub3VnaC0wMTIz';
const NEW = 'bmV3LXJpbmctdmFsdWUtdGhhdC1pcy1sb25nLWVub3VnaC00NTY3';
const AT = { table: 'T_signing_keys', column: 'private_jwk_sealed', id: '0193' };

describe('sealed values', () => {
  const secrets = createSecrets([NEW, OLD]);

  test('open where they were sealed, also after the secrets were rotated', () => {
    assert.equal(secrets.open(secrets.seal('a key', AT), AT), 'a key');
    assert.equal(secrets.open(createSecrets([OLD]).seal('a key', AT), AT), 'a key');
  });

  for (const [part, elsewhere] of Object.entries({ table: 'T_other', column: 'other_sealed', id: '0194' })) {
    test(`do not open when moved to another ${part}`, () => {
      assert.throws(() => secrets.open(secrets.seal('a key', AT), { ...AT, [part]: elsewhere }));
    });
  }

  test('do not open when a bit is flipped, a part is missing, or their key was removed', () => {
    const sealed = secrets.seal('a key', AT);
    for (const part of [2, 3, 4]) {
      const parts = sealed.split('.');
      const bytes = Buffer.from(parts[part] as string, 'base64url');
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        const changed = parts.with(part, flipped.toString('base64url')).join('.');
        assert.throws(() => secrets.open(changed, AT), `part ${part}, bit ${bit}`);
      }
    }
    assert.throws(() => secrets.open(`v2${sealed.slice(2)}`, AT));
    assert.throws(() => secrets.open(sealed.split('.').slice(0, 4).join('.'), AT));
    assert.throws(() => createSecrets([OLD]).open(sealed, AT), /not in LATCHKEY_SECRETS/);
  });

  test('differ each time', () => {
    assert.notEqual(secrets.seal('a key', AT), secrets.seal('a key', AT));
  });
});

describe('form tokens', () => {
  test('are valid for their value alone, also after a rotation', () => {
    const secrets = createSecrets([NEW, OLD]);
    const token = secrets.csrfToken('interaction:a');
    assert.ok(secrets.csrfMatches('interaction:a', token));
    assert.ok(!secrets.csrfMatches('interaction:b', token));
    assert.ok(secrets.csrfMatches('interaction:a', createSecrets([OLD]).csrfToken('interaction:a')));
    for (const wrong of ['', 'x', token.slice(1), `${token}A`])
      assert.ok(!secrets.csrfMatches('interaction:a', wrong));
  });
});
