import type { PersonalTable } from './tables.ts';

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

/** Works from a file, so it loads nothing and runs nothing. */
const HEAD = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Your data</title>
<style>
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.25rem 1.5rem;padding-block:.75rem;border-block-start:1px solid;margin:0}
dt{opacity:.75}dd{margin:0}
</style>
</head>
<body>
`;

const write = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

/** The beginning of `index.html`. */
export const beginPage = (username: string, host: string, at: Date): string =>
  `${HEAD}<h1>The data of ${escapeHtml(username)}</h1>
<p>What ${escapeHtml(host)} had about this account on ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC. The folder data has the same as JSON. Passwords, keys and codes are left out, because only their digests or sealed forms are stored.</p>
`;

export const beginTable = ({ title, purpose }: PersonalTable): string =>
  `<h2>${escapeHtml(title.replaceAll('-', ' '))}</h2>\n<p>${escapeHtml(purpose)}</p>\n`;

/** One row, without its empty columns. */
export function writeRow(row: Record<string, unknown>, { columns }: PersonalTable): string {
  const lines = Object.entries(row)
    .filter(([, value]) => value !== null && value !== '')
    .map(
      ([column, value]) =>
        `<dt title="${escapeHtml(columns[column] ?? '')}">${escapeHtml(column.replaceAll('_', ' '))}</dt><dd>${escapeHtml(write(value))}</dd>`,
    );
  return `<dl>${lines.join('')}</dl>\n`;
}

export const EMPTY = '<p>Nothing.</p>\n';
export const END = '</body>\n</html>\n';
