import assert from 'node:assert/strict';
import type { BrowserScript } from '../../../seeds/suite-browser.ts';
import type { Browser } from '../browser.ts';

const isMatch = (pattern: string, url: string) =>
  pattern.endsWith('*') ? url.startsWith(pattern.slice(0, -1)) : url === pattern;

const attributesOf = (tag: string) =>
  new Map([...tag.matchAll(/([\w-]+)(?:="([^"]*)")?/g)].map(([, name = '', value = '']) => [name, value]));

/** The conditions of a selector for a button that the scripts use: a class, an attribute with a value, no name. */
function isSelected(button: Map<string, string>, selector: string): boolean {
  const [, ofClass] = /button\.(\w+)/.exec(selector) ?? [];
  const [, name, value] = /\[(\w+)=(\w+)\]/.exec(selector) ?? [];
  return (
    (!ofClass || String(button.get('class')).split(' ').includes(ofClass)) &&
    (!name || button.get(name) === value) &&
    !(selector.endsWith(':not([name])') && button.has('name'))
  );
}

/** The form with the first such button, and what it sends when that is pressed. */
function findPressed(html: string, selector: string) {
  for (const [, start = '', content = ''] of html.matchAll(/<form([^>]*)>([\s\S]*?)<\/form>/g)) {
    const buttons = [...content.matchAll(/<button([^>]*)>/g)].map(([, tag = '']) => attributesOf(tag));
    const button = buttons.find((one) => isSelected(one, selector));
    if (!button) continue;
    const inputs = [...content.matchAll(/<input([^>]*)>/g)].map(([, tag = '']) => attributesOf(tag));
    const sent = button.has('name') ? [...inputs, button] : inputs;
    const fields = Object.fromEntries(sent.map((one) => [one.get('name'), one.get('value') ?? '']));
    return { action: String(attributesOf(start).get('action')), fields };
  }
  return undefined;
}

/**
 * Does what the suite's own browser does with the member `browser` of a configuration, by the same rules: one task after
 * another, where a task that is not optional must match.
 * @param isAsked whether the module asks for a screenshot
 * @returns the headings of the pages that it gives to the suite in place of screenshots, and where it ends
 */
export async function runScripts(
  browser: Browser,
  scripts: BrowserScript[],
  address: string,
  { isAsked = false } = {},
): Promise<{ shown: string[]; url: string }> {
  const script = scripts.find(({ match }) => isMatch(match, address));
  assert.ok(script, `no script for ${address}`);
  const shown: string[] = [];
  let url = address;
  let html = '';
  async function read(response: Response): Promise<void> {
    const last = await browser.follow(response);
    url = last.headers.get('location') ?? last.url;
    html = await last.text();
  }
  await read(await browser.get(address));
  for (const { task, match, optional = false, commands = [] } of script.tasks) {
    if (!isMatch(match, url)) {
      assert.ok(optional, `${task} expects ${match}, and the browser is at ${url}`);
      continue;
    }
    const typed: Record<string, string> = {};
    for (const command of commands) {
      const [name, by, target = ''] = command.map(String);
      if (name === 'wait' && by === 'css') {
        assert.ok(
          isAsked || command.at(5) !== 'update-image-placeholder',
          `${task}: no screenshot is wanted`,
        );
        const [, heading] = new RegExp(`<${target}>([\\s\\S]*?)</${target}>`).exec(html) ?? [];
        assert.ok(heading, `${task}: the page has no ${target}`);
        if (isAsked) shown.push(heading.replace(/<[^>]+>/g, ''));
      } else if (name === 'text') {
        if (html.includes(` id="${target}"`)) typed[target] = String(command.at(3));
        else assert.equal(command.at(-1), 'optional', `${task}: the page has no ${target}`);
      } else if (name === 'click') {
        const pressed = findPressed(html, target);
        if (pressed) await read(await browser.post(pressed.action, { ...pressed.fields, ...typed }));
        else assert.equal(command.at(-1), 'optional', `${task}: the page has no ${target}`);
      }
    }
  }
  return { shown, url };
}
