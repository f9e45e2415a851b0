import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';
import { childEnvironment } from '../support/child-environment.ts';

const bin = projectPath('bin/latchkey.js');
const temporary = () => mkdtempSync(join(tmpdir(), 'latchkey-'));
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command in a folder, with a umask under which new files can be read by everyone. */
function run(args: string[], env: NodeJS.ProcessEnv, cwd = temporary()): Promise<Result> {
  return new Promise((done) => {
    const command = ['-c', 'umask 022; exec "$0" "$@"', process.execPath, bin, ...args];
    const child = spawn('/bin/sh', command, { cwd, env: childEnvironment(env) });
    const result: Result = { code: null, stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => {
      result.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      result.stderr += chunk;
    });
    child.once('close', (code) => done({ ...result, code }));
  });
}

describe('the files of SQLite', () => {
  test('and their folder are made for this user alone', async () => {
    const home = temporary();
    const env = { LATCHKEY_HOME: home };
    assert.deepEqual(await run(['db', 'migrate'], env).then(({ code, stderr }) => [code, stderr]), [0, '']);
    const data = join(home, 'data');
    assert.equal(modeOf(data), '700');
    for (const file of ['latchkey.sqlite', 'latchkey.sqlite-migration-lock', 'secrets'])
      assert.equal(modeOf(join(data, file)), '600', file);
  });

  test('are in a folder of this user alone after the first start, also where it existed before', async () => {
    const home = temporary();
    mkdirSync(join(home, 'data'), { mode: 0o755 });
    const { code, stderr } = await run(['db', 'migrate'], { LATCHKEY_HOME: home });
    assert.equal(code, 0);
    assert.match(stderr, /could open .*data \(mode 0755\)\. Its mode is 0700 now/);
    assert.equal(modeOf(join(home, 'data')), '700');
  });

  test('get a looser mode mended with one line each, -wal and -shm too', async () => {
    const home = temporary();
    const env = { LATCHKEY_HOME: home };
    await run(['db', 'migrate'], env);
    const data = join(home, 'data');
    const open = [
      'latchkey.sqlite',
      'latchkey.sqlite-wal',
      'latchkey.sqlite-shm',
      'latchkey.sqlite-migration-lock',
    ];
    for (const file of open) {
      writeFileSync(join(data, file), '', { flag: 'a' });
      chmodSync(join(data, file), 0o644);
    }
    chmodSync(data, 0o755);
    const { code, stdout, stderr } = await run(['account', 'list', '--json'], env);
    assert.deepEqual([code, JSON.parse(stdout)], [0, []]);
    assert.equal(stderr.trim().split('\n').length, open.length + 1, stderr);
    for (const file of open) assert.ok(stderr.includes(`open ${join(data, file)} (mode 0644)`), stderr);
    assert.deepEqual([modeOf(data), modeOf(join(data, 'latchkey.sqlite'))], ['700', '600']);
    assert.equal((await run(['account', 'list'], env)).stderr, '');
  });

  test('leave the mode of a folder that holds files of others', async () => {
    const folder = temporary();
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, 'somebody-elses'), '');
    const env = { LATCHKEY_DATABASE_URL: `sqlite:${folder}/id.sqlite` };
    assert.equal((await run(['db', 'migrate'], env)).code, 0);
    assert.deepEqual([modeOf(folder), modeOf(join(folder, 'id.sqlite'))], ['755', '600']);
  });
});

test('the same data is used in whatever folder the command is run, and doctor names it', async () => {
  const home = temporary();
  const elsewhere = temporary();
  await run(['db', 'migrate'], { LATCHKEY_HOME: home }, elsewhere);
  assert.equal(existsSync(join(elsewhere, 'data')), false);
  const { stdout } = await run(['doctor'], { LATCHKEY_HOME: home }, elsewhere);
  assert.match(stdout, new RegExp(`database +sqlite at ${home}/data/latchkey.sqlite\\n`));
});

test('two servers that make data/secrets at the same moment read the same secret, and never half of it', async () => {
  const home = temporary();
  const program = `
    const { loadConfig } = await import(${JSON.stringify(projectPath('dist/src/config/index.js'))});
    process.stdout.write(loadConfig().secrets.join(','));`;
  const results = await Promise.all(
    Array.from(
      { length: 6 },
      () =>
        new Promise<string>((done) => {
          const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
            env: childEnvironment({ LATCHKEY_HOME: home }),
          });
          let text = '';
          child.stdout.on('data', (chunk) => {
            text += chunk;
          });
          child.once('close', () => done(text));
        }),
    ),
  );
  assert.deepEqual(new Set(results), new Set([readFileSync(join(home, 'data/secrets'), 'utf8').trim()]));
});

describe('.env', () => {
  test('in the home folder sets what the environment does not', async () => {
    const home = temporary();
    writeFileSync(join(home, '.env'), 'LATCHKEY_ISSUER=http://localhost:4444\nLATCHKEY_PORT=4444\n');
    const env = { LATCHKEY_HOME: home, LATCHKEY_PORT: '5555' };
    const { stdout } = await run(['doctor'], env);
    assert.match(stdout, /http:\/\/localhost:4444, listening on 127\.0\.0\.1:5555/);
  });

  test('can make it a production server, which then needs what production needs', async () => {
    const home = temporary();
    writeFileSync(join(home, '.env'), 'NODE_ENV=production\n');
    const { code, stderr } = await run(['start'], { LATCHKEY_HOME: home });
    assert.equal(code, 1);
    assert.match(stderr, /LATCHKEY_SECRETS must be set in production/);
    assert.equal(existsSync(join(home, 'data')), false);
  });

  test('that cannot be read stops the command', async () => {
    const home = temporary();
    mkdirSync(join(home, '.env'));
    assert.match((await run(['doctor'], { LATCHKEY_HOME: home })).stderr, /\.env cannot be read \(\w+\)/);
  });
});

test('a command whose reader closes the pipe ends quietly', async () => {
  const home = temporary();
  await run(['db', 'migrate'], { LATCHKEY_HOME: home });
  for (const args of ['db report', 'account list --json', 'doctor', '--help']) {
    const script = `{ "${process.execPath}" "${bin}" ${args}; echo "exit $?" >&2; } | sleep 0 2>&1; wait`;
    const output = execFileSync('/bin/sh', ['-c', `{ ${script}; } 2>&1`], {
      env: childEnvironment({ LATCHKEY_HOME: home }),
      encoding: 'utf8',
    });
    assert.equal(output, 'exit 0\n', args);
  }
});
