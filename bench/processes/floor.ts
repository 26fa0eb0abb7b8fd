/** Contestant "bare SQL": plays a tape through prepared statements of the same library, on a file opened the same way. */
import type * as Open from '../../src/adapters/embedded/open.js';
import { built, makeDataDir, removeDataDir } from '../built.js';
import { serve } from '../child.js';
import { meter, type Spent } from '../meter.js';
import { countRows, type RowCounts } from '../rows.js';
import { type Playback, player, readTape, type Tape } from '../tape.js';

const { openFile } = await built<typeof Open>('adapters/embedded/open.js');

let tape: Tape | undefined;

async function load({ path }: { path: string }): Promise<void> {
  tape = await readTape(path);
}

async function run({ playback }: { playback: Playback }): Promise<{ spent: Spent; commits: number; rows: RowCounts }> {
  if (tape === undefined) throw new Error('no tape is loaded');
  const dataDir = makeDataDir();
  try {
    const file = await openFile(dataDir);
    const play = player(file.database, tape, playback);
    const stop = meter();
    play();
    const spent = stop();
    const rows = countRows(file.database);
    file.close();
    return { spent, commits: tape.transactions.length, rows };
  } finally {
    removeDataDir(dataDir);
  }
}

serve({ load, run });
