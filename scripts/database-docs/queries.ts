import { retentionRules } from '../../src/config/retention.ts';
import type { Engine } from '../../src/database/statement-builders.ts';
import { purgeCondition, type Sql, toDialect } from '../../src/maintenance/dialect.ts';
import { reports } from '../../src/maintenance/reports.ts';
import { QUESTIONS } from './questions.ts';

const TITLES: Record<Engine, string> = {
  sqlite: 'SQLite',
  postgres: 'PostgreSQL',
  mysql: 'MySQL and MariaDB',
};

/** One code block if the statement is the same on every engine; otherwise one for each, its engines named after `sql`. */
function codeBlocks(sql: Sql): string {
  const texts = new Map<string, Engine[]>();
  for (const engine of Object.keys(TITLES) as Engine[]) {
    const text = toDialect(sql, engine);
    texts.set(text, [...(texts.get(text) ?? []), engine]);
  }
  return [...texts]
    .map(([text, engines]) => {
      if (texts.size === 1) return `\`\`\`sql\n${text};\n\`\`\``;
      const title = engines.map((engine) => TITLES[engine]).join(', ');
      return `${title}:\n\n\`\`\`sql ${engines.join(' ')}\n${text};\n\`\`\``;
    })
    .join('\n\n');
}

const entry = (name: string, description: string, sql: Sql) =>
  `#### ${name}\n\n${description.charAt(0).toUpperCase()}${description.slice(1)}.\n\n${codeBlocks(sql)}`;

/** The clean-up of every table as one statement each; `latchkey db purge` deletes the same rows in batches. */
export const cleanUps = () =>
  retentionRules
    .map((rule) =>
      entry(
        `clean-up ${rule.table} ${rule.column}`,
        `${rule.days === 0 ? 'immediately' : `${rule.days} days`} after \`${rule.column}\`${rule.only ? `, where \`${rule.only}\`` : ''}`,
        `DELETE FROM ${rule.table} WHERE ${purgeCondition(rule)}`,
      ),
    )
    .join('\n\n');

const links = (names: object) =>
  Object.keys(names)
    .map((name) => `[${name}](#${name})`)
    .join(', ');
export const questionNames = () => links(QUESTIONS);
export const reportNames = () => links(reports());

export const monitoring = () =>
  Object.entries(reports())
    .map(([name, { description, sql }]) => entry(name, description, sql))
    .join('\n\n');

export const questions = () =>
  Object.entries(QUESTIONS)
    .map(([name, { description, sql }]) => entry(name, description, sql))
    .join('\n\n');
