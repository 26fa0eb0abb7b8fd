import type { Mutant } from './mutants.js';

const STREAM = 'tests/simulation/stream/sim-stream.ts';
const LANE = 'src/pipeline/stream-lane.ts';
const PARTITIONS = 'src/pipeline/partitions.ts';
const SETTLEMENT = 'src/pipeline/stream-settlement.ts';

const config = 'stream';

/** Mutants of the stream's protocol: in the pipeline, and in what every adapter must guard. */
export const STREAM_MUTANTS: readonly Mutant[] = [
  {
    name: 'stream-ack-without-token',
    why: 'whoever lost a partition settles what its new owner is working on',
    config,
    patches: [
      {
        file: STREAM,
        search: "if (!this.owns(hold)) return 'stale';\n    if (this.leases.get(hold.partition)?.batch !== batch) return 'applied';",
        replace: "if (batch < 0) return 'stale';",
      },
    ],
  },
  {
    name: 'stream-read-without-token',
    why: 'whoever lost a partition takes entries that its new owner then overtakes',
    config,
    patches: [
      {
        file: STREAM,
        search: "if (!this.owns(hold)) return 'stale';\n    const { partition } = hold;",
        replace: 'const { partition } = hold;',
      },
    ],
  },
  {
    name: 'stream-two-owners',
    why: 'a partition that somebody holds is given to another',
    config,
    patches: [
      { file: STREAM, search: 'held.until > this.now()) return null;', replace: 'held.until > this.now() + leaseMs) return null;' },
    ],
  },
  {
    name: 'stream-rebalance-without-fence',
    why: 'an owner that comes back under its own name cannot be told from the one that it was',
    config,
    patches: [
      {
        file: STREAM,
        search: 'const fence = (held?.fence ?? 0) + 1;',
        replace: 'const fence = held?.owner === owner ? held.fence : (held?.fence ?? 0) + 1;',
      },
    ],
  },
  {
    name: 'stream-park-whole-partition',
    why: 'one entry that cannot be stored keeps everybody in its partition waiting',
    config,
    patches: [{ file: SETTLEMENT, search: 'const lane = laneOf(entry);\n    const before', replace: "const lane = '';\n    const before" }],
  },
  {
    name: 'stream-overtake-a-failed-one',
    why: 'the next of a key is stored before the one that failed',
    config,
    patches: [{ file: SETTLEMENT, search: 'before.entries.push(entry.entry);', replace: 'done.push(entry.entry);' }],
  },
  {
    name: 'stream-trim-unacked',
    why: 'what nobody has stored yet is removed',
    config,
    patches: [
      {
        file: STREAM,
        search: "(entry) => entry.partition === partition && entry.state === 'settled');\n      removed",
        replace: "(entry) => entry.partition === partition && entry.state !== 'parked');\n      removed",
      },
    ],
  },
  {
    name: 'stream-settle-before-burying',
    why: 'a crash between the two loses the dead letter',
    config,
    patches: [
      {
        file: LANE,
        search: '    if (dead.length > 0) {\n',
        replace: '    if (dead.length > 0) {\n      await log.settle(this.#hold, { batch, ...settlement });\n',
      },
    ],
  },
  {
    name: 'stream-new-before-reclaimed',
    why: 'what a dead owner had in its hands is overtaken by what is new',
    config,
    patches: [
      {
        file: STREAM,
        search: "this.give(this.open(partition, 'out').slice(0, limit));",
        replace: "this.give(this.open(partition, 'fresh').length > 0 ? [] : this.open(partition, 'out').slice(0, limit));",
      },
    ],
  },
  {
    name: 'stream-new-epoch-too-early',
    why: 'a key that moved is handed out in its new partition while something of it waits in the old one',
    config,
    patches: [
      { file: STREAM, search: 'entry.state === state && entry.epoch <= opened);', replace: 'entry.state === state && opened > 0);' },
    ],
  },
  {
    name: 'stream-late-settlement-counts',
    why: 'a settlement that arrives late undoes what has happened since',
    config,
    patches: [{ file: STREAM, search: "?.batch !== batch) return 'applied';", replace: "?.batch === -1) return 'applied';" }],
  },
  {
    name: 'stream-repeat-parks-again',
    why: 'a settlement that is repeated after a lost answer holds a key again that a person has released, or one that has moved',
    config,
    patches: [{ file: STREAM, search: 'if (by?.has(laneOf(parking)) === true) continue;', replace: '' }],
  },
  {
    name: 'stream-no-renewal',
    why: 'every partition changes hands all the time',
    config,
    patches: [{ file: PARTITIONS, search: '      await this.#renew();\n', replace: '' }],
  },
];
