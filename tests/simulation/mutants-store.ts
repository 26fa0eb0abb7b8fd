import type { Mutant } from './mutants.js';

const STORE = 'tests/simulation/sim-store.ts';
const PORTS = 'tests/simulation/sim-ports.ts';

/**
 * Mutants of guards that live in an adapter (in SQL, in an update's filter): the simulated store's equivalent is broken
 * here. That the real adapters have these guards is what the contract suites are for; that the guards are needed is what
 * these show.
 */
export const STORE_MUTANTS: readonly Mutant[] = [
  {
    name: 'store-no-fence',
    why: 'a worker whose record was taken over writes over the new holder’s outcome',
    patches: [
      {
        file: STORE,
        search: 'return record.lockToken === ref.token && record.lockedBy === ref.worker;',
        replace: 'return record.lockToken >= ref.token;',
      },
    ],
  },
  {
    name: 'store-check-then-insert',
    why: 'two requests with one key both find nothing and both insert',
    patches: [
      {
        file: PORTS,
        search: "accept: (drafts) => who.call('store.accept', DOWN, () => referee.accept(who, drafts, () => store.accept(drafts))),",
        replace: `async accept(drafts) {
      const known = await who.call('store.find', DOWN, () => drafts.some((draft) => store.row(draft) !== undefined));
      return who.call('store.insert', DOWN, () => referee.accept(who, drafts, () => {
        if (!known) for (const draft of drafts) store.rows.delete(\`\${draft.tenant}\\n\${draft.id}\`);
        return store.accept(drafts);
      }));
    },`,
      },
    ],
  },
  {
    name: 'store-no-outbox',
    why: 'a crash between the accept and the publish leaves a record that nobody ever wakes',
    patches: [
      { file: STORE, search: "publish: 'pending',\n      publishedAt: null,", replace: "publish: 'published',\n      publishedAt: now," },
    ],
  },
  {
    name: 'store-claim-steals-leases',
    why: 'two workers hold one record',
    patches: [
      {
        file: STORE,
        search: "if (isLive(record, now)) return { why: 'leased', until: record.lockedUntil };",
        replace: '',
      },
    ],
  },
  {
    name: 'store-claim-uncounted',
    why: 'an item that kills its worker is never found out',
    patches: [{ file: STORE, search: 'barrenClaims: record.barrenClaims + 1,', replace: 'barrenClaims: record.barrenClaims,' }],
  },
  {
    name: 'store-amend-over-a-lease',
    why: 'a cancel reports what the holder is about to undo',
    patches: [{ file: STORE, search: "if (isLive(record, now)) return { outcome: 'leased' };", replace: '' }],
  },
  {
    name: 'store-mark-any-version',
    why: 'a late mark hides a wake-up that is still to be published',
    patches: [
      {
        file: STORE,
        search: 'if (row === undefined || row.record.version !== wakeUp.version) continue;',
        replace: 'if (row === undefined) continue;',
      },
    ],
  },
];
