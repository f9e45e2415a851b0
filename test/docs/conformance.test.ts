import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';

const read = (file: string) => readFileSync(projectPath(file), 'utf8');

interface Line {
  requirement: string;
  file: string;
  name: string;
}

/** The lines of docs/CONFORMANCE.md that name a test. */
const LINES: Line[] = [
  ...read('docs/CONFORMANCE.md').matchAll(/^\| ([^|]+) \| ([^|]+) \| `(test\/[\w/.-]+)` \| (.+) \|$/gm),
].map(([, section = '', requirement = '', file = '', name = '']) => ({
  requirement: `${section}: ${requirement}`,
  file,
  name,
}));

/** The names of the tests in a file, each as its parts between what is known only at run time. */
function titlesIn(file: string): string[][] {
  const titles = read(file).matchAll(/\btest\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g);
  return [...titles].map(([, , title = '']) => title.replaceAll('\\', '').split(/\$\{[^}]*\}/));
}

/** Whether a name has all parts of a title in their order, begins with the first and ends with the last. */
function isNamed(name: string, parts: string[]): boolean {
  if (parts.length === 1) return name === parts[0];
  let rest = name;
  for (const part of parts) {
    const start = rest.indexOf(part);
    if (start < 0) return false;
    rest = rest.slice(start + part.length);
  }
  return name.startsWith(String(parts[0])) && name.endsWith(String(parts.at(-1)));
}

describe('docs/CONFORMANCE.md', () => {
  test('has a line for each requirement, and each names a test that exists', () => {
    assert.ok(LINES.length > 90, `${LINES.length} lines`);
    const missing = LINES.filter(
      ({ file, name }) =>
        !existsSync(projectPath(file)) || !titlesIn(file).some((parts) => isNamed(name, parts)),
    );
    assert.deepEqual(missing, []);
  });

  test('has no requirement twice', () => {
    const requirements = LINES.map(({ requirement }) => requirement);
    assert.deepEqual(
      requirements.filter((one, index) => requirements.indexOf(one) !== index),
      [],
    );
  });
});
