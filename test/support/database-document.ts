import { readFileSync } from 'node:fs';
import { projectPath } from '../../src/kit/project-root.ts';

const text = readFileSync(projectPath('docs/DATABASE.md'), 'utf8');

export interface Statement {
  /** The heading above it. */
  under: string;
  sql: string;
  /** `sqlite`, `postgres`, `mysql`. */
  engines: string[];
}

const ALL = ['sqlite', 'postgres', 'mysql'];

/** Every fenced code block of docs/DATABASE.md in that language. */
export function blocksOf(language: string): { under: string; words: string[]; body: string }[] {
  const found: { under: string; words: string[]; body: string }[] = [];
  for (const part of text.split(/^#+ /m).slice(1)) {
    const under = part.slice(0, part.indexOf('\n'));
    for (const [, info = '', body = ''] of part.matchAll(/^```(\S.*)\n([\s\S]*?)^```$/gm)) {
      const [name, ...words] = info.split(' ');
      if (name === language) found.push({ under, words, body });
    }
  }
  return found;
}

export const statements = (): Statement[] =>
  blocksOf('sql').map(({ under, words, body }) => ({
    under,
    sql: body.trim(),
    engines: words.length > 0 ? words : ALL,
  }));
