import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';

const read = (name: string) => readFileSync(projectPath(name), 'utf8');

test('the image and the build of it have every folder that the package ships', () => {
  const { files } = JSON.parse(read('package.json')) as { files: string[] };
  const folders = files.filter((file) => /^[a-z/]+$/.test(file));
  assert.ok(folders.includes('presets'));
  for (const folder of folders) {
    assert.match(read('Dockerfile'), new RegExp(`^COPY .*\\b${folder}$`, 'm'), folder);
    if (!folder.startsWith('dist/'))
      assert.match(read('.dockerignore'), new RegExp(`^!${folder}$`, 'm'), folder);
  }
});
