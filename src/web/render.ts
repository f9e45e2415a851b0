import { readFileSync } from 'node:fs';
import ejs, { type TemplateFunction } from 'ejs';
import { projectPath } from '../kit/project-root.ts';
import type { Assets } from './assets.ts';
import { issuerScope } from './issuer-scope.ts';

/** Characters that change the direction of text. In a title, a name with them could reorder the words after it. */
const TEXT_DIRECTION = /[\u202a-\u202e\u2066-\u2069]/g;

const directory = projectPath('views');
const compiled = new Map<string, TemplateFunction>();

/** Compiles a view at its first use. `cache` does the same for the views that it includes. */
function view(name: string): TemplateFunction {
  const known = compiled.get(name);
  if (known) return known;
  const filename = `${directory}/${name}.ejs`;
  const options = { filename, cache: true, strict: true, localsName: 'page', _with: false };
  const template = ejs.compile(readFileSync(filename, 'utf8'), options);
  compiled.set(name, template);
  return template;
}

/**
 * @param view the path below views/, without `.ejs`
 * @param data `title`, and what the first comment of the view lists; `alert` sums up what is wrong with a form
 * @returns a whole HTML document, with everything in it escaped
 * @throws Error when there is no such view
 */
export type Render = (view: string, data: Record<string, unknown>) => string;

/** Attributes with a path of ours. Quotes in texts are escaped, so that nothing else looks like one. */
const PATHS = / (href|action|src|data-back)="\/(?!\/)/g;

/** Puts the path of the issuer before every path of ours: views and pages know nothing about it. */
const withBase = (html: string, base: string) => (base === '' ? html : html.replace(PATHS, ` $1="${base}/`));

/**
 * Escapes an address, and lets its lines end after `@`, a slash or the name of a parameter: otherwise a narrow page breaks
 * it in the middle of its host.
 */
const breakable = (address: string): string =>
  address
    .split(/(?<=[@?&=]|[^/:]\/)/)
    .map((part) => ejs.escapeXML(part))
    .join('<wbr>');

/** Words of ours that would break after their hyphen. */
const HYPHENATED = /\b(sign-in|sign-out|sign-up|e-mail)\b(?![^<]*>)/gi;

/** Keeps these words whole in headings, whose letters are so large that a line may end in the middle of one. */
const keepWordsWhole = (html: string) =>
  html.replace(/<h([1-3])\b.*?<\/h\1>/gs, (heading) =>
    heading.replace(HYPHENATED, '<span class="whole">$&</span>'),
  );

/**
 * Renders a view inside the layout.
 * @param deps `issuer`: its host is on every page; `brand`: the name of the account that people sign in with
 */
export function createRenderer(deps: {
  assets: Assets;
  issuer: string;
  brand?: string;
  passwordMinLength: number;
}): Render {
  const { base } = issuerScope(deps.issuer);
  const shared = {
    brand: deps.brand,
    host: new URL(deps.issuer).host,
    passwordMinLength: deps.passwordMinLength,
    breakable,
    stylesheet: deps.assets.url('latchkey.css'),
    logo: deps.assets.url('logo.svg'),
    copyScript: deps.assets.url('copy.js'),
    passkeyScript: deps.assets.url('passkeys.js'),
  };
  return (name, data) => {
    const title = String(data.title).replace(TEXT_DIRECTION, '');
    // `shared` comes last, so that no page can replace the host.
    const all = { bodyClass: 'door', ...data, title, ...shared };
    return withBase(view('layout')({ ...all, content: keepWordsWhole(view(name)(all)) }), base);
  };
}

/** Breaks lines after at most 72 characters, unless a word is longer (RFC 5322 section 2.1.1). */
const wrap = (text: string) => text.replace(/(.{1,72})(?:\s+|$)/g, '$1\n').trimEnd();

/**
 * Renders a mail as text and as HTML, with the views `mail/message.txt` and `mail/message.html`. The HTML is escaped.
 * @param deps `issuer`: its host is in every mail
 */
export function createMailRenderer(deps: { issuer: string }) {
  const text = view('mail/message.txt');
  const html = view('mail/message.html');
  const { host } = new URL(deps.issuer);
  return (message: object): { text: string; html: string } => {
    const all = { ...message, host, wrap };
    return { text: text(all), html: html(all) };
  };
}
