import { endpointsOf } from '../../src/oidc/endpoints.ts';
import { type Instructions, needsUrl, toInstructions, toRegistration } from '../../src/oidc/presets/fill.ts';
import { createPresets } from '../../src/oidc/presets/library.ts';
import type { Preset } from '../../src/oidc/presets/preset.ts';

const ISSUER = 'https://id.example.com';
const CLIENT_ID = 'the client ID that the command printed';
const CLIENT_SECRET = 'the secret that the command printed once';
const RANDOM = '32 random characters that the command printed';
const LANGUAGES: Record<string, string> = { env: 'sh', shell: 'sh', steps: 'text' };

const urlOf = (name: string) => `https://${name.replace(/[^a-z0-9]/g, '')}.example.com`;
const list = (values: string[]) => values.map((value) => `\`${value}\``).join(', ') || 'none';

/** The words for the client ID and secret stand in an address too, where spaces are encoded. */
const readable = (text: string) => text.replaceAll('%20', ' ');

function symptomsOf({ symptoms }: Instructions): string {
  if (symptoms.length === 0) return '';
  const rows = symptoms.map(({ says, cause, do: remedy }) => `| ${says} | ${cause} | ${remedy} |`);
  return `\n## It does not connect\n\n| it says | because | do this |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}

function renderPage(preset: Preset): string {
  const { name, title, about, scope, pkce, claims, tried, source, options } = preset;
  const place = { url: urlOf(name), options: {} };
  const registration = toRegistration(preset, place);
  const client = {
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    scope,
    redirect_uris: registration.redirectUris,
  };
  const filled = toInstructions(preset, place, client, endpointsOf(ISSUER), RANDOM);
  const command = `npx latchkey client create --preset ${name}${needsUrl(preset) ? ` --url ${place.url}` : ''}`;
  const optionLines = Object.entries(options).map(
    ([key, option]) => `- \`--set ${key}=…\`: ${option.about}; \`${option.default}\` by default`,
  );
  const paste = filled.paste.map(
    ({ format, where, text }) =>
      `${where}:\n\n\`\`\`${LANGUAGES[format] ?? format}\n${readable(text.trimEnd())}\n\`\`\`\n`,
  );
  return `# ${title}

${about}. ${tried === null ? `This page follows [its documentation](${source}); nobody has tried it with Latchkey yet.` : `Tried with ${title} ${tried}. [Its documentation](${source}).`}

\`\`\`sh
${command}
\`\`\`
${optionLines.length > 0 ? `\n${optionLines.join('\n')}\n` : ''}
The command registers the application and prints what follows, with your addresses and its own client ID and secret.
${filled.needs.map((need) => `\nIt needs ${need}.\n`).join('')}
${paste.join('\n')}
${filled.try}

| what is registered | |
| --- | --- |
| redirect URIs | ${list(registration.redirectUris)} |
| after signing out | ${list(registration.postLogoutRedirectUris)} |
| scopes | ${list(scope.split(' '))} |
| PKCE | \`${pkce}\` |
| claims that it reads | ${list(claims.map((claim) => claim.split('=')[0] ?? ''))} |
${registration.claims.length > 0 ? `| claims beside those of its scopes | ${list(registration.claims)} |\n` : ''}${symptomsOf(filled)}`;
}

function renderIndex(presets: Preset[]): string {
  const rows = presets.map(
    ({ name, title, about, tried }) => `| [${title}](${name}.md) | ${about} | ${tried ?? ''} |`,
  );
  return `# Applications

How to connect ${presets.length} applications: one command registers each and prints what to paste into it.

Those with a version in the last column were run: the printed text alone was pasted, and someone signed in with a browser.

| application | what it is | tried with |
| --- | --- | --- |
${rows.join('\n')}

Another one: [which kind of application is it?](../connect/README.md) And if it fails: [it does not connect](../connect/it-does-not-connect.md).

## Your own presets

Put a file like those in \`presets/\` into a folder, and name the folder in \`LATCHKEY_PRESETS\`. A preset of yours wins over ours of
the same name. A broken file is refused with its faults.

| member | meaning |
| --- | --- |
| \`name\`, \`title\`, \`about\` | the name of the file without \`.json\`; what people call it; what it is |
| \`redirect\`, \`signOut\`, \`front\` | where it gets codes, where people return after signing out, and its front page: paths of the application, or addresses |
| \`scope\`, \`kind\`, \`pkce\`, \`offline\` | what it asks for; \`confidential\` or \`public\`; \`always\`, \`or-nonce\` or \`off\`; whether it asks for refresh tokens |
| \`claims\`, \`needs\` | the claims that it reads; \`groups=roles\` also gives it that claim, as [\`--claim\`](../connect/README.md#claims-of-one-application) does; and what else must be true |
| \`resourceServer\` | \`true\` for an API, which has no \`redirect\` and checks the tokens of other applications |
| \`options\` | parts that the operator chooses with \`--set\`, each with \`default\` and \`about\` |
| \`paste\` | what to paste: \`format\` (\`env\`, \`yaml\`, \`ini\`, \`json\`, \`toml\`, \`shell\`, \`python\`, \`javascript\`, \`ruby\`, \`php\`, \`apache\` or \`steps\`), \`where\`, \`text\` |
| \`try\`, \`symptoms\` | how to see that it works; what it says when it does not, with \`says\`, \`cause\` and \`do\` |
| \`tried\`, \`source\` | the version that was connected in this way, or null; where the facts come from |

In texts, these are filled in: \`{{url}}\`, \`{{host}}\`, \`{{redirect_uri}}\`, \`{{client_id}}\`, \`{{client_secret}}\`, \`{{scope}}\`, \`{{random}}\` (a new secret that the application keeps for itself, such as the key of its cookies), the names of
options, \`{{introspection_with_credentials}}\` (the endpoint with the client ID and secret in its address), and ${Object.keys(
    endpointsOf(ISSUER),
  )
    .map((name) => `\`{{${name}}}\``)
    .join(', ')}.

Values are written so that the application reads exactly them, whatever characters they have. For this, placeholders stand inside double quotes in
\`yaml\`, \`json\`, \`toml\`, \`python\`, \`javascript\`, \`ruby\` and \`apache\`, inside single quotes in \`shell\` and \`php\`, and without quotes in \`env\` and \`ini\`. \`{{client_secret:json}}\`
is for JSON inside another format. A value that a format cannot hold is refused before anything is registered. Each line of \`steps\` is
\`Field: value\` or a sentence, and is numbered when it is printed.

In \`env\`, values with spaces are in quotes. \`docker run --env-file\` alone keeps them as part of the value: leave them out there.
`;
}

/** The pages of docs/applications/ by the name of their file. */
export function renderApplications(): Map<string, string> {
  const presets = createPresets(undefined).list();
  return new Map([
    ['README.md', renderIndex(presets)],
    ...presets.map((preset) => [`${preset.name}.md`, renderPage(preset)] as const),
  ]);
}
