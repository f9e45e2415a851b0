import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { print, readSecret } from '../../src/kit/terminal.ts';

/** Moves the cursor of a terminal: as two characters, and as one of Unicode's second row of control characters. */
const ESCAPES = 'a\u001b[2Jb\u009b2Jc\u007f';

test('what is printed moves no cursor, as text and as JSON', (t) => {
  let output = '';
  t.mock.method(process.stdout, 'write', (text: string) => {
    output += text;
    return true;
  });
  const row = { name: ESCAPES };
  for (const value of [row, [row], [ESCAPES]]) {
    print(value, false);
    print(value, true);
  }
  assert.doesNotMatch(output, /[^\P{Cc}\n]/u);
  output = '';
  print(row, true);
  assert.deepEqual(JSON.parse(output), row);
});

/** What `readSecret` does with these bytes: the secret, or the code of its error. */
async function read(t: TestContext, bytes: Uint8Array | string): Promise<string> {
  const stdin = Object.getOwnPropertyDescriptor(process, 'stdin');
  assert.ok(stdin);
  t.after(() => Object.defineProperty(process, 'stdin', stdin));
  Object.defineProperty(process, 'stdin', { value: Readable.from([Buffer.from(bytes)]), configurable: true });
  return readSecret('client secret').catch(({ code, message }) => `${code}: ${message}`);
}

test('a secret on standard input is one line that could be typed', async (t) => {
  for (const end of ['', '\n', '\r\n'])
    assert.equal(await read(t, `größe 9 \u{1f600}${end}`), 'größe 9 \u{1f600}');
  for (const lines of ['one\ntwo', 'one\ntwo\n', 'one\n\n', '\none', 'one\rtwo', 'one\r', '\n\n'])
    assert.match(await read(t, lines), /^standard_input_lines: The client secret .* more than one line/);
  for (const bytes of [[0xff], [...Buffer.from('one'), 0xe4, 0x0a], [0xed, 0xa0, 0x80], [0xc0, 0xaf]])
    assert.match(await read(t, Uint8Array.from(bytes)), /^standard_input_encoding: .* is not UTF-8/);
  for (const nothing of ['', '\n'])
    assert.match(await read(t, nothing), /^standard_input_empty: .* "\$CLIENT_SECRET"/);
});
