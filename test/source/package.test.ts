import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';

const read = (file: string) => JSON.parse(readFileSync(projectPath(file), 'utf8'));

describe('installing from package-lock.json', () => {
  // The package carries its binaries and says "gypfile": false, which npm does not keep in the lock file; it then runs
  // node-gyp, which fails without Python (npm/cli#9837). An older npm does not know allowScripts either.
  test('compiles nothing for better-sqlite3, whatever the version of npm', () => {
    const entry = read('package-lock.json').packages['node_modules/better-sqlite3'];
    assert.equal(entry.gypfile, false, 'npm removed it: put "gypfile": false back into its entry');
    assert.equal(read('package.json').allowScripts['better-sqlite3'], false);
  });

  test('runs only the install scripts that package.json approves', () => {
    const { packages } = read('package-lock.json') as {
      packages: Record<string, { hasInstallScript?: true }>;
    };
    const scripted = Object.keys(packages).filter((path) => packages[path]?.hasInstallScript);
    const approved = Object.entries(read('package.json').allowScripts).filter(([, allowed]) => allowed);
    assert.deepEqual(
      scripted.map((path) => path.replace('node_modules/', '')),
      approved.map(([name]) => name),
    );
  });
});
