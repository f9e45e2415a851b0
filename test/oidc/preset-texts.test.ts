import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';
import { endpointsOf } from '../../src/oidc/endpoints.ts';
import { checkInstructions, toInstructions, toRegistration } from '../../src/oidc/presets/fill.ts';
import { createPresets, readPreset } from '../../src/oidc/presets/library.ts';
import { FORMATS, fillInText, type PasteFormat } from '../../src/oidc/presets/write-values.ts';
import { apacheArguments, hasApache, mapStrings, missingProgram, readTexts } from '../support/pasted-text.ts';

const SIGNS = `'"\`$\\;&|<>()[]{}*?~!#%=:@,+^-`.split('');
/** Values with characters that end a value, or change it, in some format. */
const HOSTILE = [
  ...SIGNS.map((sign) => `${sign}a${sign}b${sign}`),
  'two words',
  "a'$(id)b",
  ' - a: b',
  'a$(id)b',
  'a`id`b',
  `a$\{HOME}b`,
  '#{1 + 1}',
  "'; id; '",
  '"; id; "',
  "'''",
  '"""',
  "'\\''",
  '\\"',
  '\\u0022',
  '%(name)s',
  '{{client_id}}',
  '{{',
  'EOT',
  'é🔑',
];

/** Values that not every program that reads the format can be given, so that they are refused. */
const REFUSED: Partial<Record<PasteFormat, RegExp>> = {
  env: /'.*["$`\\]|["$`\\].*'/,
  ini: /[;#"'`\\$]|%\(|^ /,
  apache: /\$\{/,
};

/** Fills every placeholder of a text with one value. @returns undefined if the value is refused */
function fillAll(format: PasteFormat, text: string, value: string): string | undefined {
  const names = [...text.matchAll(/\{\{(\w+)/g)].map(([, name = '']) => name);
  try {
    return fillInText(format, text, Object.fromEntries(names.map((name) => [name, value])));
  } catch (error) {
    assert.match(String(error), /has a character that cannot be written/);
    assert.match(value, REFUSED[format] ?? /^never$/, `${format} can hold ${value}`);
    return undefined;
  }
}

const hasPhp = spawnSync('php', ['--version']).status === 0;

const skipWithout = (program: string | undefined) =>
  program !== undefined && process.env.CI !== 'true' ? `${program} is not installed` : false;

describe('the texts of presets', () => {
  const presets = createPresets(undefined).list();

  test('are of every format that there is', () => {
    const used = new Set(presets.flatMap(({ paste }) => paste.map(({ format }) => format)));
    assert.deepEqual([...used].sort(), [...FORMATS].sort());
  });

  for (const preset of presets)
    for (const [index, { format, text }] of preset.paste.entries())
      test(`${preset.name}, ${index + 1}: ${format} that holds exactly the values that are filled in`, {
        skip: skipWithout(missingProgram(format)),
      }, () => {
        const mark = 'Xq7';
        const [withMark] = readTexts(format, [fillAll(format, text, mark) ?? '']);
        const filled = HOSTILE.map((value) => ({ value, written: fillAll(format, text, value) }));
        const written = filled.filter(
          (one): one is { value: string; written: string } => one.written !== undefined,
        );
        const read = readTexts(
          format,
          written.map((one) => one.written),
        );
        for (const [position, { value }] of written.entries()) {
          const expected = mapStrings(withMark, (one) => one.replaceAll(mark, value));
          assert.deepEqual(read[position], expected, `${value} in:\n${written[position]?.written}`);
        }
      });

  test('are refused with a value that would end a line', () => {
    for (const format of FORMATS)
      for (const value of ['a\nb', 'a\rb', 'a\tb', 'a\0b', 'a\u2028b', '\ud800'])
        assert.throws(() => fillInText(format, 'NAME={{client_secret}}', { client_secret: value }), {
          code: 'preset_value_unwritable',
          message: /The value of client_secret/,
        });
  });

  test('hold the address of the application as it is registered, or refuse it before', () => {
    const endpoints = endpointsOf('https://id.example.com');
    const outcomes = { held: 0, refused: 0 };
    for (const [name, format] of [
      ['miniflux', 'env'],
      ['vault', 'shell'],
    ] as const)
      for (const value of HOSTILE.filter((one) => !/[?#]/.test(one))) {
        const preset = readPreset(projectPath(`presets/${name}.json`));
        const place = { url: `https://app.example.com/${value}`, options: {} };
        const { redirectUris } = toRegistration(preset, place);
        try {
          checkInstructions(preset, place, { redirectUris }, endpoints);
        } catch (error) {
          assert.match(String(error), /has a character that cannot be written/);
          outcomes.refused += 1;
          continue;
        }
        const client = { client_id: 'id', client_secret: 'secret', redirect_uris: redirectUris };
        const { paste } = toInstructions(preset, place, client, endpoints);
        const [read] = readTexts(format, [paste[0]?.text ?? '']);
        assert.ok(JSON.stringify(read).includes(JSON.stringify(redirectUris[0]).slice(1, -1)), value);
        outcomes.held += 1;
      }
    assert.ok(outcomes.held > 60 && outcomes.refused > 0, JSON.stringify(outcomes));
  });

  test('are accepted by httpd with mod_auth_openidc', {
    skip: skipWithout(hasApache ? undefined : 'apache2'),
  }, () => {
    const preset = readPreset(projectPath('presets/apache.json'));
    const client = { client_id: 'a"b', client_secret: `c'd\\e "f`, redirect_uris: ['https://a.example/cb'] };
    const place = { url: 'https://a.example', options: {} };
    const { paste } = toInstructions(preset, place, client, endpointsOf('https://id.example.com'));
    const file = join(mkdtempSync(join(tmpdir(), 'httpd-')), 'httpd.conf');
    writeFileSync(file, paste.map(({ text }) => text).join('\n'));
    const { status, stderr } = spawnSync(...apacheArguments(file), { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });

  test('are accepted by php', { skip: hasPhp ? false : 'php is not installed' }, () => {
    const preset = readPreset(projectPath('presets/roundcube.json'));
    for (const value of HOSTILE) {
      const client = { client_id: value, client_secret: value, redirect_uris: ['https://a.example/cb'] };
      const place = { url: 'https://a.example', options: {} };
      const { paste } = toInstructions(preset, place, client, endpointsOf('https://id.example.com'));
      const program = `$config = [];\n${paste[0]?.text}\necho json_encode($config['oauth_client_secret']);`;
      const { stdout, stderr } = spawnSync('php', ['-r', program], { encoding: 'utf8' });
      assert.equal(JSON.parse(stdout || '""'), value, stderr);
    }
  });
});
