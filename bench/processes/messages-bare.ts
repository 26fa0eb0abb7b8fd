/** Contestant "bare streams": a script that adds what is not known yet, pipelined; XREADGROUP over all partitions; XACK. */
import { crc32 } from 'node:zlib';
import { Redis } from 'ioredis';
import { serve } from '../child.js';
import { Exactly } from '../exact.js';
import { BATCH, type Handled, messageOf, PARTITIONS, passesOf, seqOf } from './messages.js';

const ADD = `
if redis.call('SET', KEYS[2], '1', 'NX', 'PX', 300000) then return redis.call('XADD', KEYS[1], '*', 'body', ARGV[1]) end
return false
`;
const GROUP = 'bench';
const streams = Array.from({ length: PARTITIONS }, (_, n) => `bare:stream:${n}`);
/** Settled entries that stay, as the program's default is. */
const KEEP = 1000;

let commands: Redis & { addOnce?: (...args: string[]) => Promise<unknown> };
let reader: Redis;

function accept(pass: string, seq: number): Promise<unknown> {
  const { id, conversation, body } = messageOf(pass, seq);
  const stream = streams[crc32(conversation) % PARTITIONS] ?? '';
  return commands.addOnce?.(stream, `bare:dedupe:{${stream}}:${id}`, body) ?? Promise.reject(new Error('no script'));
}

type Read = [stream: string, entries: [id: string, fields: string[]][]][] | null;

async function consuming(items: number, handled: Handled, work: () => Promise<void>): Promise<void> {
  const seen = new Exactly(items);
  const reading = async (): Promise<void> => {
    while (!seen.complete) {
      const answer = (await reader.xreadgroup(
        'GROUP',
        GROUP,
        'bench',
        'COUNT',
        BATCH,
        'BLOCK',
        5000,
        'STREAMS',
        ...streams,
        ...streams.map(() => '>'),
      )) as Read;
      const acks: Promise<unknown>[] = [];
      for (const [stream, entries] of answer ?? []) {
        for (const [, [, body = '']] of entries) {
          const seq = seqOf(body);
          seen.tick(seq);
          handled.handled(seq);
        }
        acks.push(commands.xack(stream, GROUP, ...entries.map(([id]) => id)));
      }
      await Promise.all(acks);
    }
  };
  await Promise.all([work(), reading()]);
  await Promise.all(streams.map((stream) => commands.xtrim(stream, 'MAXLEN', '~', KEEP)));
  seen.check('bare streams');
}

serve({
  async open(url: string) {
    commands = new Redis(url, { enableAutoPipelining: true });
    reader = new Redis(url);
    commands.defineCommand('addOnce', { numberOfKeys: 2, lua: ADD });
    for (const stream of streams) await commands.xgroup('CREATE', stream, GROUP, '$', 'MKSTREAM');
  },
  ...passesOf({ consuming, accept }),
  close: () => Promise.all([commands.quit(), reader.quit()]),
});
