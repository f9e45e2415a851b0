import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import { test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';

const PLACES = [
  '.env.example',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'README.md',
  'assets',
  'bench',
  'bin',
  'docs',
  'examples',
  'migrations',
  'scripts',
  'seeds',
  'src',
  'test',
  'views',
];
const TEXT = /\.(css|ejs|example|html|js|json|md|ts|yaml)$/;

/** Words that make a reader stop, and what to write instead. To ban another, add a line. */
const BANNED: [pattern: RegExp, instead: string][] = [
  [/\banew\b/i, 'again'],
  [/\bno more\b(?! than)/i, 'no longer'],
  [/\bnone of ours\b/i, 'not one of ours, unknown'],
  [/\b(tells?|told) of\b/i, 'lists, describes, reports'],
  [/\btold\b/i, 'receives, gets, is notified; name a variable by what it holds'],
  [/\bhears?\b/i, 'receives, gets'],
  [/\b(comes?|came|coming) in by\b/i, 'signs up with'],
  [/\brests\b|\bsecrets rest\b/i, 'is stored'],
  [/\bmeanwhile\b/i, 'concurrently, in the meantime'],
  [/\bat that[.,;:)]/i, 'delete it'],
  [/\b(is|are|be) good (for|no|once|until)\b|\bgood once\b|none that is good/i, 'is valid, works'],
  [/(?<!\byou )\b(is|are|goes) away\b/i, 'is unavailable'],
  [/\bWho\b(?![^.]*\?)/, 'name the subject: people who, a client that'],
  [/\b(and|by|for|from|not|of|than|to) who\b/i, 'people who, a client that'],
  [/\bsuch an?\b/i, 'name the thing'],
  [/\bwhat is refused\b/i, 'refused requests'],
  [/\bthere is none\b/i, 'name what is missing'],
  [/\bfor ever\b/i, 'forever'],
  [/\bin vain\b/i, 'without success; for a wait: timed out'],
  [/\b(afresh|unasked)\b/i, 'again; by itself'],
  [/\b(comes?|came|coming) by\b/i, 'follows a link, uses, gets'],
];

function filesIn(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((file) => TEXT.test(file))
    .map((file) => `${path}/${file}`);
}

test('source, views and documents use none of the banned words', () => {
  const found: string[] = [];
  for (const file of PLACES.flatMap((place) => filesIn(projectPath(place)))) {
    if (file.endsWith('words.test.ts')) continue;
    for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries())
      for (const [pattern, instead] of BANNED)
        if (pattern.test(line))
          found.push(
            `${relative(projectPath('.'), file)}:${index + 1}: "${pattern.exec(line)?.[0]}". Better: ${instead}`,
          );
  }
  assert.ok(found.length === 0, `\n${found.join('\n')}`);
});
