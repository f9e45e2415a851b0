import { z } from 'zod';
import { claimMappingFault } from '../../access/claim-mappings.ts';
import { FORMATS } from './write-values.ts';

const text = z.string().min(1).max(8000);
const line = z.string().min(1).max(300);
/** A path of the application, or an address of its own. */
const address = z
  .string()
  .regex(/^(\/|\{\{|https?:\/\/|[a-z][a-z0-9+.-]*:\/)/, 'must begin with / or be an address');

/** A claim that the application reads; `groups=roles` also gives it that claim (`--claim`). */
const claim = line.check((context) => {
  const message = context.value.includes('=') ? claimMappingFault(context.value) : undefined;
  if (message) context.issues.push({ code: 'custom', input: context.value, message });
});

/** `Field: value`, or a sentence with its full stop. */
const STEP = /^([A-Z][^:]{0,150}: \S.*|[A-Z].*\.)$/;
const paste = z.strictObject({ format: z.enum(FORMATS), where: line, text }).check((context) => {
  const { format, text: steps } = context.value;
  const fault =
    format === 'steps' &&
    steps
      .trimEnd()
      .split('\n')
      .find((step) => !STEP.test(step));
  if (fault)
    context.issues.push({
      code: 'custom',
      input: context.value,
      path: ['text'],
      message: `the step "${fault}" is neither a sentence nor "Field: value"`,
    });
});

/** A file of `presets/`: what is known about an application. docs/applications/README.md explains each member. */
export const presetFile = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and hyphens'),
    title: line,
    about: line.regex(
      /^[^{]*$/,
      'It is shown before there is anything to fill in, so it has no placeholders',
    ),
    /** An API: it has no sign-in of its own, and introspects the tokens of other applications. */
    resourceServer: z.boolean().default(false),
    redirect: z.array(address).default([]),
    signOut: z.array(address).default([]),
    front: address.default('/'),
    scope: line,
    kind: z.enum(['confidential', 'public']),
    pkce: z.enum(['always', 'or-nonce', 'off']),
    offline: z.boolean().default(false),
    claims: z.array(claim),
    needs: z.array(line).default([]),
    options: z
      .record(z.string().regex(/^[a-z_]+$/), z.strictObject({ default: line, about: line }))
      .default({}),
    paste: z.array(paste).min(1),
    try: line,
    symptoms: z.array(z.strictObject({ says: line, cause: line, do: line })).default([]),
    /** The version that was connected in this way; null: only its documentation was read. */
    tried: line.nullable(),
    source: z.url(),
  })
  .refine(({ resourceServer, redirect }) => resourceServer === (redirect.length === 0), {
    path: ['redirect'],
    message: 'is missing only for a resource server, which has none',
  });

export type Preset = z.output<typeof presetFile>;
