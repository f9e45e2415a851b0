#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';

/**
 * The only way in, for the server (`latchkey start`) and for every other verb. It loads the program after it has looked
 * at the version of Node.js: on an older one the native modules end the process with a segmentation fault.
 */
const at = (path) => new URL(`../${path}`, import.meta.url);
const { engines } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
const [, needed] = /^>=([\d.]+)$/.exec(engines.node);

function isOlder(version, than) {
  const [major, minor] = version.split('.').map(Number);
  const [thanMajor, thanMinor] = than.split('.').map(Number);
  return major < thanMajor || (major === thanMajor && minor < thanMinor);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}

if (isOlder(process.versions.node, needed)) {
  fail(
    `Latchkey needs Node.js ${needed} or later, and this is ${process.versions.node}. A clone has its own after "npm ci": run "npm start" or "npx latchkey".`,
  );
} else if (!existsSync(at('dist/src/cli.js'))) {
  fail('Latchkey is not built. Run: npm run build');
} else {
  const { run } = await import('../dist/src/cli.js');
  await run(process.argv);
}
