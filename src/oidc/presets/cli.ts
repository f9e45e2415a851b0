import type { Command } from 'commander';
import { print } from '../../kit/terminal.ts';
import type { Presets } from './library.ts';
import type { Preset } from './preset.ts';

const state = ({ tried }: Preset) => (tried === null ? 'from its documentation' : `tried with ${tried}`);

/** `latchkey preset …` @param load reads the configuration, which names the operator's folder */
export function presetCommands(program: Command, load: () => Promise<Presets>): void {
  const preset = program.command('preset').description('applications whose settings are known');
  const json = ['--json', 'print one JSON document'] as const;
  preset
    .command('list')
    .description('list the presets')
    .option(...json)
    .action(async (args: { json?: boolean }) => {
      const presets = (await load()).list();
      if (args.json) return print(presets, true);
      print(
        presets.map((one) => ({ name: one.name.padEnd(24), title: one.title, state: `(${state(one)})` })),
        false,
      );
    });
  preset
    .command('show <name>')
    .description('show what a preset registers, and what is pasted into the application')
    .option(...json)
    .action(async (name: string, args: { json?: boolean }) => {
      const found = (await load()).get(name);
      if (args.json) return print(found, true);
      const { title, about, redirect, signOut, scope, kind, pkce, claims, needs, source } = found;
      const options = Object.entries(found.options).map(([key, { about: words }]) => `${key}: ${words}`);
      print(
        {
          name,
          title,
          about,
          redirect,
          signOut,
          scope,
          kind,
          pkce,
          claims,
          needs,
          options,
          source,
          state: state(found),
        },
        false,
      );
      for (const { where, text } of found.paste) process.stdout.write(`\n${where}:\n\n${text.trimEnd()}\n`);
    });
}
