import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { LatchkeyError, refuse } from '../../kit/errors.ts';
import { projectPath } from '../../kit/project-root.ts';
import { type Preset, presetFile } from './preset.ts';

/** @throws LatchkeyError invalid_input that names the file and each fault */
export function readPreset(file: string): Preset {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new LatchkeyError(
      'invalid_input',
      'preset_unreadable',
      `${file} is not JSON: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
  const parsed = presetFile.safeParse(json);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(
      ({ path, message }) => `${path.join('.') || 'the file'}: ${message}`,
    );
    return refuse('preset_invalid', `${file} is no valid preset. ${faults.join('. ')}.`);
  }
  const name = basename(file, '.json');
  if (parsed.data.name !== name)
    refuse(
      'preset_misnamed',
      `${file} has the name ${parsed.data.name}. It must be that of the file: ${name}.`,
    );
  return parsed.data;
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .map((file) => join(folder, file));
  } catch (error) {
    throw new LatchkeyError(
      'invalid_input',
      'presets_unreadable',
      `The presets in ${folder} cannot be read: ${(error as Error).message}. Check LATCHKEY_PRESETS.`,
      { cause: error },
    );
  }
}

/** Presets by their name. @param folder the operator's own, which win over ours */
export function createPresets(folder: string | undefined) {
  /** @throws LatchkeyError invalid_input when a file is broken */
  function list(): Preset[] {
    const files = [projectPath('presets'), ...(folder === undefined ? [] : [folder])].flatMap(filesOf);
    const byName = new Map(files.map(readPreset).map((preset) => [preset.name, preset]));
    return [...byName.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  return {
    list,
    /** @throws LatchkeyError not_found; invalid_input when a file is broken */
    get(name: string): Preset {
      const preset = list().find((one) => one.name === name);
      if (preset) return preset;
      throw new LatchkeyError(
        'not_found',
        'preset_not_found',
        `There is no preset ${name}. For their names: latchkey preset list`,
      );
    },
  };
}

export type Presets = ReturnType<typeof createPresets>;
