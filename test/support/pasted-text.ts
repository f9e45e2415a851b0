import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { runInNewContext } from 'node:vm';
import { parse as parseIni } from 'ini';
import { parse as parseToml } from 'smol-toml';
import { parseDocument } from 'yaml';
import type { PasteFormat } from '../../src/oidc/presets/write-values.ts';

/** Reads each text as the program does into which it is pasted. @throws Error when a text is not in that format */
type Reader = (texts: string[]) => unknown[];

const each =
  (read: (text: string) => unknown): Reader =>
  (texts) =>
    texts.map(read);

/** The programs that read some formats. */
const PROGRAMS: Partial<Record<PasteFormat, string>> = { python: 'python3', ruby: 'ruby' };

/** @returns the program that is needed to read a format, and is not installed */
export function missingProgram(format: PasteFormat): string | undefined {
  const program = PROGRAMS[format];
  return program && spawnSync(program, ['--version']).status !== 0 ? program : undefined;
}

function run(program: string, args: string[], input: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, encoding: 'utf8' });
  assert.equal(status, 0, `${error ?? stderr}\n${input}`);
  return stdout;
}

/**
 * Runs each text as a script in a shell of its own that finds no program.
 * @param before what runs before each text @param after what runs after it
 * @returns the output of each, split at NUL
 */
function runScripts(texts: string[], before: string, after: string): string[][] {
  const scripts = texts.map((text) => `(\n${before}\n${text}\n${after}\nprintf '\\x02\\0'\n)`).join('\n');
  run('bash', ['-n'], scripts);
  const shell = ['-i', 'PATH=/nonexistent', '/bin/bash', '--noprofile', '--norc', '-s'];
  const outputs = run('/usr/bin/env', shell, scripts).split('\x02\0').slice(0, -1);
  return outputs.map((output) => output.split('\0').slice(0, -1));
}

function readYaml(text: string): unknown {
  const document = parseDocument(text);
  assert.deepEqual([...document.errors, ...document.warnings], []);
  return document.toJS();
}

const OF_THE_SHELL = ['PATH', 'PWD', 'SHLVL', '_', 'OLDPWD'];

/** The variables that each text sets. */
function readVariables(texts: string[]): unknown[] {
  const sourced = runScripts(texts, 'set -a', '/usr/bin/env -0').map((lines) => {
    const variables = lines.map((line) => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)]);
    return Object.fromEntries(variables.filter(([name = '']) => !OF_THE_SHELL.includes(name)));
  });
  const parsed = texts.map((text) => ({ ...parseEnv(text) }));
  assert.deepEqual(sourced, parsed, 'a shell and a reader of .env files agree');
  return sourced;
}

const PRINT_ARGUMENTS = 'command_not_found_handle() { printf "%s\\0" "$@" $\'\\x01\'; }';
/** Bash looks for a command with a slash in its name only among its functions and files. */
const printPath = (path: string) => `${path}() { command_not_found_handle ${path} "$@"; }`;

/** The arguments of each command of each text. */
const readCommands = (texts: string[]) => {
  const paths = texts.flatMap((text) => text.match(/^[\w.-]+\/[\w./-]+/gm) ?? []);
  const before = [PRINT_ARGUMENTS, ...[...new Set(paths)].map(printPath)].join('\n');
  return runScripts(texts, before, '').map((words) =>
    words
      .join('\0')
      .split('\x01')
      .map((command) => command.split('\0').filter((word, index) => index > 0 || word !== '')),
  );
};

const PYTHON = `import ast, json, sys
read = lambda text: [[type(node).__name__, node.value if isinstance(node, ast.Constant) else None] for node in ast.walk(ast.parse(text))]
json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)`;
const RUBY = `require "json"
def provider(*settings) = $providers << settings
puts JSON.parse($stdin.read).map { |text| gitlab_rails = {}; $providers = []; eval(text); [gitlab_rails, $providers] }.to_json`;

const readJavascript = (text: string) => {
  const calls: unknown[] = [];
  const module = { exports: {} };
  runInNewContext(text, {
    module,
    require: (name: string) => ({ Strategy: name }),
    app: { use: (one: unknown) => calls.push(one) },
    auth: (one: unknown) => one,
  });
  return JSON.parse(JSON.stringify([calls, module.exports]));
};

/** The strings of assignments to array members, which have only single quotes. */
const readPhp = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => {
      assert.match(line, /^\$\w+\['\w+'\] = \[?'([^'\\]|\\.)*'\]?;$/);
      const strings = line.match(/'([^'\\]|\\.)*'/g) ?? [];
      return strings.map((one) => one.slice(1, -1).replace(/\\(['\\])/g, '$1'));
    });

/** Directives and their arguments, as httpd splits a line (ap_getword_conf). */
const readDirectives = (text: string) =>
  text.split('\n').map((line) => {
    assert.match(line, /^\s*(<?\/?\w+)(\s+("(\\.|[^"\\])*"|[^\s"]+))*>?$/);
    const words = line.match(/"(\\.|[^"\\])*"|[^\s"]+/g) ?? [];
    return words.map((word) => (word.startsWith('"') ? word.slice(1, -1).replace(/\\(["\\])/g, '$1') : word));
  });

const READERS: Record<PasteFormat, Reader> = {
  env: readVariables,
  ini: each(parseIni),
  json: each((text) => JSON.parse(text)),
  toml: each(parseToml),
  yaml: each(readYaml),
  shell: readCommands,
  javascript: each(readJavascript),
  apache: each((text) => readDirectives(text.trimEnd())),
  php: each(readPhp),
  steps: each((text) => text.split('\n')),
  python: (texts) => JSON.parse(run('python3', ['-c', PYTHON], JSON.stringify(texts))),
  ruby: (texts) => JSON.parse(run('ruby', ['-e', RUBY], JSON.stringify(texts))),
};

/** Changes every string in a value that was read, names of members too. */
export function mapStrings(value: unknown, change: (text: string) => unknown): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((one) => mapStrings(one, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [String(change(name)), mapStrings(one, change)]),
  );
}

/** A value can be a document of its own: JSON in a variable, YAML in a ConfigMap. */
const expand = (text: string): unknown => {
  if (text.startsWith('{"')) return JSON.parse(text);
  return text.includes('\n') ? readYaml(text) : text;
};

export const readTexts = (format: PasteFormat, texts: string[]): unknown[] =>
  READERS[format](texts).map((value) => mapStrings(value, expand));

const APACHE = '/usr/sbin/apache2';
const MODULES = '/usr/lib/apache2/modules';
export const hasApache = existsSync(APACHE) && existsSync(`${MODULES}/mod_auth_openidc.so`);

/** The arguments by which httpd checks a configuration with the module mod_auth_openidc. */
export const apacheArguments = (file: string) => {
  const modules = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'auth_openidc'];
  const loads = modules.flatMap((name) => ['-C', `LoadModule ${name}_module ${MODULES}/mod_${name}.so`]);
  return [
    APACHE,
    ['-t', ...loads, '-C', 'ServerName a.example', '-C', 'ErrorLog /dev/stderr', '-f', file],
  ] as const;
};
