import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { renderApplications } from '../../scripts/application-docs/render.ts';
import { projectPath } from '../../src/kit/project-root.ts';
import { endpointsOf } from '../../src/oidc/endpoints.ts';
import { toInstructions, toRegistration } from '../../src/oidc/presets/fill.ts';
import { createPresets } from '../../src/oidc/presets/library.ts';

const CLIENT = { client_id: '01a21e70-8b04', client_secret: 'd8ce2h3LgGb88j9ioBAmpxJh3kOTyaHClcEnHUuF-j4' };

describe('the presets', () => {
  const presets = createPresets(undefined).list();

  for (const preset of presets)
    test(`${preset.name} registers an application, and its texts have no placeholder left`, () => {
      const place = { url: 'https://app.example.com', options: {} };
      const registration = toRegistration(preset, place);
      for (const uri of [...registration.redirectUris, ...registration.postLogoutRedirectUris])
        assert.ok(URL.canParse(uri), uri);
      const client = { ...CLIENT, scope: preset.scope, redirect_uris: registration.redirectUris };
      const printed = toInstructions(preset, place, client, endpointsOf('https://id.example.com'));
      assert.doesNotMatch(
        JSON.stringify({ ...printed, about: preset.about }),
        /\{\{\w/,
        '`{{ user.name }}` would be of the application',
      );
      const { paste } = printed;
      const text = paste.map((one) => one.text).join('\n');
      assert.ok(text.includes(CLIENT.client_id), 'the client ID is pasted');
      if (preset.kind === 'confidential') assert.ok(text.includes(CLIENT.client_secret), 'so is the secret');
    });

  test('can be registered by the command on their page', () => {
    for (const preset of presets) {
      const page = readFileSync(projectPath(`docs/applications/${preset.name}.md`), 'utf8');
      const url = /client create --preset \S+ --url (\S+)/.exec(page)?.[1];
      assert.doesNotThrow(() => toRegistration(preset, { url, options: {} }), preset.name);
    }
  });

  test('docs/applications is the output of npm run docs:applications', () => {
    const pages = renderApplications();
    const folder = projectPath('docs/applications');
    const advice = 'docs/applications is stale: run npm run docs:applications';
    assert.deepEqual(readdirSync(folder).sort(), [...pages.keys()].sort(), advice);
    for (const [name, text] of pages) assert.ok(readFileSync(`${folder}/${name}`, 'utf8') === text, advice);
  });
});
