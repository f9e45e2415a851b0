import type { Engine } from '../../src/database/writes.ts';
import { inDialect, type Sql } from '../../src/maintenance/dialect.ts';
import { reports } from '../../src/maintenance/reports.ts';
import { conditionOf, rules } from '../../src/maintenance/retention.ts';
import { QUESTIONS } from './questions.ts';

const NAMES: Record<Engine, string> = { sqlite: 'sqlite', postgres: 'postgres', mysql: 'mysql' };

/** One block for all engines where they agree; the words after `sql` say whose it is otherwise. */
export function blocks(sql: Sql): string {
  const texts = new Map<string, Engine[]>();
  for (const engine of Object.keys(NAMES) as Engine[]) {
    const text = inDialect(sql, engine);
    texts.set(text, [...(texts.get(text) ?? []), engine]);
  }
  return [...texts]
    .map(([text, engines]) => {
      const whose = engines.length === 3 ? '' : ` ${engines.map((engine) => NAMES[engine]).join(' ')}`;
      const told = whose === '' ? '' : `${engines.map((one) => TITLES[one]).join(', ')}:\n\n`;
      return `${told}\`\`\`sql${whose}\n${text};\n\`\`\``;
    })
    .join('\n\n');
}

const TITLES: Record<Engine, string> = {
  sqlite: 'SQLite',
  postgres: 'PostgreSQL',
  mysql: 'MySQL and MariaDB',
};

const entry = (name: string, tells: string, sql: Sql) =>
  `#### ${name}\n\n${tells.charAt(0).toUpperCase()}${tells.slice(1)}.\n\n${blocks(sql)}`;

/** The clean-up of every table, as `latchkey db purge` does it, in one statement each. */
export const cleanUps = () =>
  rules
    .map((rule) =>
      entry(
        `clean-up ${rule.table} ${rule.column}`,
        `${rule.days === 0 ? 'as soon as it is over' : `${rule.days} days after that`}${rule.only ? `, where ${rule.only}` : ''}`,
        `DELETE FROM ${rule.table} WHERE ${conditionOf(rule)}`,
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
    .map(([name, { tells, sql }]) => entry(name, tells, sql))
    .join('\n\n');

export const questions = () =>
  Object.entries(QUESTIONS)
    .map(([name, { tells, sql }]) => entry(name, tells, sql))
    .join('\n\n');
