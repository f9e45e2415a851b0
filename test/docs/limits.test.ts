import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';
import { LIMITS } from '../../src/web/rate-limits/limits.ts';

const read = (file: string) => readFileSync(projectPath(file), 'utf8');

const rows = read('docs/reference/limits.md')
  .split('\n')
  .filter((line) => /^\| (?!limit |---)/.test(line));

describe('docs/reference/limits.md', () => {
  test('names for each limit a line that is in the code', () => {
    const wrong = rows.filter((row) => {
      const [, code, file] = /`([^`]+)` in `([a-z/-]+\.ts)` \|$/.exec(row) ?? [];
      return !code || !file || !read(`src/${file}`).includes(code);
    });
    assert.deepEqual(wrong, []);
    assert.ok(rows.length > 50, `only ${rows.length} rows were found`);
  });

  test('has every limit of network addresses', () => {
    const text = rows.join('\n');
    const missing = Object.entries(LIMITS).filter(
      ([name, { attempts, seconds }]) =>
        !text.includes(`\`${name}: { attempts: ${attempts}, seconds: ${seconds} }\``),
    );
    assert.deepEqual(missing, []);
  });
});
