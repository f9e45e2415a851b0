import { STEP_NAMES, type Story } from './story.ts';

/** How an attempt ended, in words. */
export const HEADINGS: Record<Story['ending'], string> = {
  connected: 'connected',
  refused: 'did not connect',
  stopped: 'did not connect',
  waiting: 'not finished yet',
};

const timeOf = (at: string) => at.slice(11, 19);
const nameOf = ({ client_name, client_id }: Story) =>
  client_name ? `${client_name} (${client_id})` : `unknown application ${client_id ?? ''}`.trim();

function stepLines({ steps }: Pick<Story, 'steps'>): string[] {
  return steps.map(
    ({ at, step, ok, says }) =>
      `  ${timeOf(at)}  ${STEP_NAMES[step].padEnd(12)}  ${ok ? 'ok     ' : 'refused'}  ${says}`,
  );
}

/** A story in lines of text. `print` takes the control characters out of each. */
export function storyLines(story: Story): string[] {
  const { began_at, username, ending, stopped_at, fault } = story;
  const where = stopped_at ? `, at ${STEP_NAMES[stopped_at]}` : '';
  const heading = [
    `${began_at.slice(0, 10)} ${timeOf(began_at)}`,
    nameOf(story),
    username,
    `${HEADINGS[ending]}${where}`,
  ];
  const advice = fault
    ? [`  Fault:   ${fault.whose}`, `  Why:     ${fault.cause}`, `  Change:  ${fault.remedy}`]
    : [];
  return [heading.filter(Boolean).join('  '), ...stepLines(story), ...advice];
}
