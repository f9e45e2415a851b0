import assert from 'node:assert/strict';
import { test } from 'node:test';
import { print } from '../../src/kit/terminal.ts';

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
