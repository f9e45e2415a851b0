import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describe, test } from 'node:test';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli.ts';
import { variables } from '../../src/config/settings.ts';
import { projectPath } from '../../src/kit/project-root.ts';

const read = (file: string) => readFileSync(projectPath(file), 'utf8');

/** Every command with all of its words, such as `latchkey db purge`. */
function verbsOf(command: Command, words: string[]): { words: string; options: string[] }[] {
  const verbs = command.commands.flatMap((one) => verbsOf(one, [...words, one.name()]));
  if (command.commands.length > 0) return verbs;
  return [{ words: words.join(' '), options: command.options.map(({ long }) => String(long)) }];
}

function markdownFiles(): string[] {
  const roots = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'examples/README.md',
    'migrations/README.md',
  ];
  const found = ['docs', 'src'].flatMap((folder) =>
    readdirSync(projectPath(folder), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${folder}/${file}`,
    ),
  );
  return [...roots, ...found.filter((file) => file.endsWith('.md'))];
}

/** The text without its code blocks. */
const proseOf = (file: string) => read(file).replace(/^```[\s\S]*?^```/gm, '');

const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');

describe('the documentation', () => {
  test('lists every command and option, and no other command', () => {
    const page = read('docs/reference/command.md');
    const verbs = verbsOf(createProgram(), ['latchkey']);
    const listed = [...page.matchAll(/^\| `(latchkey [a-z -]+[a-z])/gm)].map(([, words]) => words);
    assert.deepEqual(listed.toSorted(), verbs.map(({ words }) => words).toSorted());
    for (const { words, options } of verbs)
      for (const option of options) assert.ok(page.includes(option), `${words} ${option}`);
  });

  test('lists every setting, and no other', () => {
    const page = read('docs/reference/settings.md');
    const listed = [...page.matchAll(/^\| `(LATCHKEY_\w+)`/gm)].map(([, name]) => name);
    assert.deepEqual(listed.toSorted(), Object.keys(variables.shape).toSorted());
  });

  test('names only source files that exist', () => {
    const missing = markdownFiles().flatMap((file) =>
      [...read(file).matchAll(/`((?:src|test|views|scripts|bench|migrations)\/[\w/.-]+)`/g)]
        .map(([, path = '']) => path)
        .filter((path) => !/NNNN/.test(path) && !existsSync(projectPath(path)))
        .map((path) => `${file}: ${path}`),
    );
    assert.deepEqual(missing, []);
  });

  test('links only to files and headings that exist', () => {
    const broken: string[] = [];
    for (const file of markdownFiles())
      for (const [, link = ''] of proseOf(file).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(link)) continue;
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? projectPath(file) : resolve(dirname(projectPath(file)), path);
        try {
          const text = anchor === undefined ? readdirOrFile(target) : readFileSync(target, 'utf8');
          const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));
          if (anchor !== undefined && !anchors.includes(anchor)) broken.push(`${file}: ${link}`);
        } catch {
          broken.push(`${file}: ${link}`);
        }
      }
    assert.deepEqual(broken, []);
  });
});

/** @throws Error when neither a folder nor a file has that path */
function readdirOrFile(target: string): string {
  try {
    return readFileSync(target, 'utf8');
  } catch {
    return readdirSync(target).join('\n');
  }
}
