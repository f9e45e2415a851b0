import { writeFileSync } from 'node:fs';
import { renderDocument } from './database-docs/render.ts';

/** `npm run docs:database`: writes docs/DATABASE.md from the migrated schema and src/database/documentation/. */
writeFileSync(new URL('../docs/DATABASE.md', import.meta.url), await renderDocument());
