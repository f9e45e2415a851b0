import { writeFileSync } from 'node:fs';
import { projectPath } from '../src/kit/project-root.ts';
import { renderDocument } from './database-docs/render.ts';

/** `npm run docs:database`: writes docs/DATABASE.md from the migrated schema and src/database/documentation/. */
writeFileSync(projectPath('docs/DATABASE.md'), await renderDocument());
