import { readFileSync } from 'node:fs';
import { descriptions } from '../../src/database/documentation/index.ts';
import { PARTS } from '../../src/database/documentation/model.ts';
import { projectPath } from '../../src/kit/project-root.ts';
import { diagram } from './diagram.ts';
import { cleanUps, monitoring, questionNames, questions, reportNames } from './queries.ts';
import { readSchema, type Table } from './schema.ts';
import { secretsTable, tableSection } from './tables.ts';

const parts = (tables: Table[]) =>
  Object.entries(PARTS)
    .map(([part, title]) => {
      const own = Object.entries(descriptions)
        .filter(([, description]) => description.part === part)
        .flatMap(([name]) => tables.filter((table) => table.name === name));
      return [`### ${title}`, diagram(own, true), ...own.map(tableSection)].join('\n\n');
    })
    .join('\n\n');

/** @returns docs/DATABASE.md: template.md with the sections that are generated from the migrated schema. */
export async function renderDocument(): Promise<string> {
  const tables = await readSchema();
  const generated: Record<string, string> = {
    diagram: diagram(tables, false),
    tables: parts(tables),
    secrets: secretsTable(),
    cleanUps: cleanUps(),
    monitoring: monitoring(),
    questions: questions(),
    questionNames: questionNames(),
    reportNames: reportNames(),
  };
  const template = readFileSync(projectPath('scripts/database-docs/template.md'), 'utf8');
  return template.replace(/\{\{(\w+)\}\}/g, (_, name) => generated[name] ?? '');
}
