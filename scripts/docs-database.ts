import { writeFileSync } from 'node:fs';
import { renderDocument } from './database-docs/render.ts';

/** `npm run docs:database`: docs/DATABASE.md from the migrated schema and the descriptions beside the migrations. */
writeFileSync(new URL('../docs/DATABASE.md', import.meta.url), await renderDocument());
