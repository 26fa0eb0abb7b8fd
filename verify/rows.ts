import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the rows are, in the project. */
const ACCEPTANCE = 'docs/acceptance.md';

/** One row of the acceptance list. */
export interface Row {
  readonly id: string;
  /** The heading that it stands under. */
  readonly section: string;
  readonly requirement: string;
  /** How the list says that it is proved; empty where it does not say. */
  readonly check: string;
}

const ID = /^[A-Z]+-\d+$/;
const PROOF = /^(check|where measured|pass when|resolution.*)$/i;
/** Which checklist a row comes from says nothing of what is wanted. */
const LEFT_OUT = /^(id|no|checklist|where)$/i;

/** The rows of the acceptance list of the project at `root`, in their order. @throws Error where two have one id */
export function readRows(root: string): readonly Row[] {
  const rows = rowsIn(readFileSync(join(root, ACCEPTANCE), 'utf8'));
  const twice = rows.find(({ id }, at) => rows.findIndex((row) => row.id === id) !== at);
  if (twice !== undefined) throw new Error(`${ACCEPTANCE} has two rows ${twice.id}`);
  return rows;
}

/** Every table row whose first cell is an id. */
export function rowsIn(markdown: string): readonly Row[] {
  const rows: Row[] = [];
  let section = '';
  let heads: readonly string[] = [];
  let above: readonly string[] = [];
  for (const line of markdown.split('\n')) {
    if (line.startsWith('## ')) section = line.slice(3).replace(/^\d+\. /, '');
    const cells = cellsOf(line);
    if (/^\|[-| ]+\|$/.test(line)) heads = above;
    else if (ID.test(cells[0] ?? '')) rows.push(rowOf(cells, heads, section));
    above = cells;
  }
  return rows;
}

function rowOf(cells: readonly string[], heads: readonly string[], section: string): Row {
  const told = cells.map((text, at) => ({ text, head: heads[at] ?? '' }));
  const proof = told.find(({ head }) => PROOF.test(head));
  const wanted = told.filter((cell) => cell !== proof && !LEFT_OUT.test(cell.head) && cell.text !== '' && cell.text !== '–');
  return { id: cells[0] ?? '', section, requirement: wanted.map(({ text }) => text).join(' · '), check: proof?.text ?? '' };
}

/** A bar inside of a code span belongs to the code. */
function cellsOf(line: string): readonly string[] {
  if (!line.startsWith('|')) return [];
  const cells = line.match(/(?:`[^`]*`|[^|`])+/g) ?? [];
  return cells.map((cell) => cell.trim());
}
