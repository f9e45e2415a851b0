import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const sources = ['src', 'seeds'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && name !== 'kit/errors.ts')
    .map((name) => readFileSync(`${folder}/${name}`, 'utf8')),
);

/** Each `new LatchkeyError(kind, code, message` and `refuse(code, message` of the source. */
const raised = sources.flatMap((source) => [
  ...source.matchAll(
    /\b(?:new LatchkeyError\(\s*'(?<kind>\w+)',|refuse\()\s*['`](?<code>[^'`]+)['`],\s*(?<message>'[^']*'|`[^`]*`|[^,)]+)/g,
  ),
]);

test('every error has a machine code in snake_case', () => {
  const calls = sources.flatMap((source) => source.match(/\bnew LatchkeyError\(|[^.\w]refuse\(/g) ?? []);
  assert.equal(raised.length, calls.length, 'the kind and the code are written out where the error is made');
  for (const { groups } of raised)
    assert.match((groups?.code ?? '').replace(/\$\{\w+\}$/, 'x'), /^[a-z]+(_[a-z]+)*$/);
});

test('no code stands for two kinds or two messages', () => {
  const known = new Map<string, string>();
  for (const { groups } of raised) {
    const { kind = 'invalid_input', code = '', message = '' } = groups ?? {};
    // The expressions inside a message may differ.
    const meaning = `${kind}: ${message.replace(/\$\{[^}]*\}/g, 'value')}`;
    assert.equal(known.get(code) ?? meaning, meaning, code);
    known.set(code, meaning);
  }
});
