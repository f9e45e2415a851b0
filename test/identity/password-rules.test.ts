import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import bcrypt from 'bcrypt';
import { ACCOUNTS } from '../../seeds/development.ts';
import { BCRYPT_COST } from '../../src/identity/passwords/hashing.ts';
import { createPasswordRules, isTooLong } from '../../src/identity/passwords/rules.ts';
import { PASSWORD } from '../support/server.ts';

const { fault } = createPasswordRules({ minimum: 15 });
const ada = { username: 'ada', email: 'ada.l@harbour-works.example', name: 'Ada Lovelace' };

const SIXTY_FOUR = 'the tide came in twice before anybody at the harbour noticed it!';

describe('a new password', () => {
  for (const [what, password] of Object.entries({
    'four words': 'copper lantern walks slowly',
    'only small letters': 'vqxlmtrnbzkwpd jh',
    'only digits': '502984617350926',
    '64 characters': SIXTY_FOUR,
    '256 characters': `${SIXTY_FOUR}${'x7 q'.repeat(48)}`,
    emoji: '🔑🚪🌊⛵🏠🌙☕🎻🐙🌵🧭🪁🍋🦉🧶',
    '256 emoji': `🔑🚪🌊⛵🏠🌙☕🎻🐙🌵🧭🪁🍋🦉🧶🐋${'🍏'.repeat(240)}`,
    'another script': 'тихая гавань на рассвете',
    'spaces at the ends': '  copper lantern walks  ',
    'the username among other words': 'ada keeps seven quiet boats',
    'what tests use': PASSWORD,
  })) {
    test(`may be ${what}`, () => assert.equal(fault(password, ada), undefined));
  }

  for (const { username, email, name, password } of ACCOUNTS) {
    test(`of the seeds passes: ${username}`, () =>
      assert.equal(fault(password, { username, email, name }), undefined));
  }

  const refused: [string, string, RegExp][] = [
    ['fourteen characters', 'vqxl mtrn bzkw', /at least 15/],
    ['fourteen emoji, though they are more to JavaScript', '🔑🚪🌊⛵🏠🌙☕🎻🐙🌵🧭🪁🍋🦉', /at least 15/],
    ['257 characters', 'x'.repeat(257), /at most 256 characters. Yours has 257/],
    ['what becomes too long by its normal form', 'ﷺ'.repeat(15), /at most 256/],
    ['a common one', 'passwordpassword', /easy to guess/],
    ['two common ones', 'password1234567', /commonly used/],
    ['one that was breached', '1qaz2wsx3edc4rfv', /commonly used/],
    ['a common one in other letters', 'P@ssw0rdP@ssw0rd', /easy to guess/],
    ['one letter', 'aaaaaaaaaaaaaaaaaaaa', /easy to guess/],
    ['a row of keys', 'qwertyuiopasdfgh', /Choose another/],
    ['a row of digits', '123456789012345', /Choose another/],
    ['spaces', ' '.repeat(20), /easy to guess/],
    ['the e-mail address', 'ada.l@harbour-works.example', /too much like/],
    ['the name with a year', 'AdaLovelace2024', /too much like/],
    ['the domain', 'harbour-works.example1', /too much like/],
    ['the username again and again', 'adaadaadaadaada', /too much like/],
    ['the name in other letters', 'l0velacel0velace', /./],
  ];
  for (const [what, password, reason] of refused) {
    test(`may not be ${what}`, () => assert.match(fault(password, ada) ?? '', reason));
  }

  test('is judged the same composed or decomposed', () => {
    const composed = 'é'.repeat(14).normalize('NFC');
    assert.equal(fault(composed, ada), fault(composed.normalize('NFD'), ada));
    assert.match(fault(composed.normalize('NFD'), ada) ?? '', /at least 15/);
    const words = 'café über naïve señor';
    assert.equal(fault(words.normalize('NFD'), ada), undefined);
    assert.equal(isTooLong('é'.repeat(256).normalize('NFD')), false);
    assert.equal(isTooLong('é'.repeat(257).normalize('NFD')), true);
  });

  test('may be shorter where that is set', () => {
    const short = createPasswordRules({ minimum: 8 });
    assert.equal(short.fault('vqxl mtrn', ada), undefined);
    assert.match(short.fault('password', ada) ?? '', /heavily used/);
    assert.match(short.fault('vqxlmtr', ada) ?? '', /at least 8/);
  });

  /** Times interleaved pairs and compares medians, whose ratio a busy machine hardly changes. */
  test('is judged in less time than it is hashed, whatever characters it has', async () => {
    const mixed = (alphabet: string) =>
      Array.from({ length: 256 }, (_, index) => alphabet[(index * index + 7 * index) % alphabet.length]).join(
        '',
      );
    const nasty = [
      '4@8({[<3691!|1l0$5+7%2',
      '0123456789',
      '0123456789/.-',
      '@4$5s31!l0oae',
      '@',
      'qwertyuiop',
    ]
      .map(mixed)
      .concat('passwordletmein'.repeat(17), '01/02/1990'.repeat(25));
    const judging: number[] = [];
    const hashing: number[] = [];
    const time = async (list: number[], work: () => unknown) => {
      const started = performance.now();
      await work();
      list.push(performance.now() - started);
    };
    for (const password of [...nasty, ...nasty]) {
      await time(judging, () => fault(password, ada));
      await time(hashing, () => bcrypt.hash(password, BCRYPT_COST));
    }
    const median = (list: number[]) => list.toSorted((a, b) => a - b)[list.length / 2] ?? 0;
    const ratio = median(judging) / median(hashing);
    assert.ok(ratio < 0.7, `judging takes ${ratio.toFixed(2)} of the time of hashing`);
  });
});
