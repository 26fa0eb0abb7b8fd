import { type Board, text } from './panels.js';

const ROWS_OF_TEXT = 38;

/** The runbook where alerts are looked at: a panel for each of its sections. */
export function runbook(markdown: string): Board {
  const [before = '', ...sections] = markdown.split(/^## /m);
  const panels = sections.map((section) => {
    const end = section.indexOf('\n');
    const content = section.slice(end + 1).trim();
    // A row of the grid holds some 1.7 lines.
    const height = Math.min(ROWS_OF_TEXT, 3 + Math.ceil(content.split('\n').length / 1.6));
    return text(section.slice(0, end).trim(), content, height);
  });
  return {
    uid: 'signalbox-runbook',
    title: 'Signalbox: runbook',
    about: 'One section for each alert. Made of docs/runbook.md.',
    choices: [],
    rows: [{ title: 'Runbook', panels: [text('How to read it', before.replace(/^# .*$/m, '').trim(), 6), ...panels] }],
  };
}
