import { type Board, text } from './panels.js';

const ROWS_OF_TEXT = 38;

/**
 * The number of a section's panel: Grafana leads to a panel by its number only (`?viewPanel=`), and alerts carry it in their links,
 * so it must not change when sections come or go. FNV-1a (Fowler, Noll, Vo), 32 bits, of the title.
 */
function numberOf(title: string): number {
  let hash = 0x811c9dc5;
  for (const letter of title.toLowerCase()) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return 1 + (hash % 99_999);
}

/** What follows the address of the runbook in a link to a section: Grafana goes by the number, a page with docs/runbook.md by the name. */
export function linkTo(section: string): string {
  return `?viewPanel=${numberOf(section)}#${section.toLowerCase()}`;
}

/** The runbook where alerts are looked at: a panel for each of its sections. */
export function runbook(markdown: string): Board {
  const [before = '', ...sections] = markdown.split(/^## /m);
  const panels = sections.map((section) => {
    const end = section.indexOf('\n');
    const content = section.slice(end + 1).trim();
    // A row of the grid holds some 1.7 lines.
    const height = Math.min(ROWS_OF_TEXT, 3 + Math.ceil(content.split('\n').length / 1.6));
    return text(section.slice(0, end).trim(), withLinks(content), height);
  });
  return {
    uid: 'signalbox-runbook',
    title: 'Signalbox: runbook',
    about: 'One section for each alert. Made of docs/runbook.md.',
    choices: [],
    rows: [{ title: 'Runbook', panels: [text('How to read it', withLinks(before.replace(/^# .*$/m, '').trim()), 6), ...panels] }],
    numberOf,
  };
}

/** From one section to another, each a panel. */
function withLinks(content: string): string {
  return content.replace(/\]\(#([\w-]+)\)/g, (_, section: string) => `](${linkTo(section)})`);
}
