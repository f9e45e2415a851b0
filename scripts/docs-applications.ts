import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { projectPath } from '../src/kit/project-root.ts';
import { renderApplications } from './application-docs/render.ts';

/** `npm run docs:applications`: writes docs/applications/ from the files in presets/. */
const folder = projectPath('docs/applications');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
for (const [name, text] of renderApplications()) writeFileSync(`${folder}/${name}`, text);
