import type { Mutant } from './mutants.js';

const BATCH = 'src/workloads/notifications/batch.ts';
const CONSUME = 'src/pipeline/consume.ts';
const DELIVER = 'src/pipeline/deliver.ts';
const RECONSIDER = 'src/pipeline/reconsider.ts';
const REDRIVE = 'src/pipeline/redrive.ts';
const RULES = 'src/workloads/notifications/rules.ts';

/** Mutants of what people choose, of batches, and of the desk. */
export const PEOPLE_MUTANTS: readonly Mutant[] = [
  {
    name: 'choices-not-looked-up',
    why: 'what people chose after their work was accepted is ignored',
    patches: [
      {
        file: DELIVER,
        search: 'this.circumstances = await this.workload.circumstances?.(this.lease.record);',
        replace: 'await this.workload.circumstances?.(this.lease.record);',
      },
    ],
  },
  {
    name: 'quiet-hours-looked-at-only-before-the-line',
    why: 'what stands in line when quiet hours begin is sent into them',
    config: 'calm-crowded',
    patches: [
      {
        file: DELIVER,
        search: "if (!this.lease.safe()) return 'stale';\n    const ruling = this.rule(current);",
        replace:
          "if (!this.lease.safe()) return 'stale';\n    const ruling: Ruling = this.lease.record.cancelRequestedAt !== null ? { kind: 'cancel' } : { kind: 'send', rule: 'due' };",
      },
    ],
  },
  {
    name: 'quiet-hours-without-margin',
    why: 'a call that begins just before quiet hours lasts into them',
    patches: [{ file: RULES, search: 'now >= quietFrom - quietMarginMs &&', replace: 'now >= quietFrom &&' }],
  },
  {
    name: 'quiet-hours-for-nobody-in-a-hurry',
    why: 'opt-outs of what is critical and quiet hours are mixed up: critical categories disturb at night',
    patches: [
      {
        file: RULES,
        search: "if (quiet !== null && facts.priority !== 'urgent')",
        replace: "if (quiet !== null && facts.priority !== 'urgent' && !facts.critical)",
      },
    ],
  },
  {
    name: 'deferred-until-the-next-look',
    why: 'what quiet hours put off goes out when someone happens to look, not when they end',
    config: 'calm',
    patches: [{ file: CONSUME, search: 'else if (dueAt !== null) this.#deps.expect(dueAt - lease.now());', replace: '' }],
  },
  {
    name: 'change-marked-applied-before-it-is',
    why: 'a crash in between leaves work waiting for quiet hours that nobody wants any more',
    patches: [
      {
        file: RECONSIDER,
        search: 'const before = this.unfinished.get(name);',
        replace: 'await this.deps.people.applied(person);\n      const before = this.unfinished.get(name);',
      },
    ],
  },
  {
    name: 'change-not-applied-to-what-is-held',
    why: 'a worker that read the old choices puts the work off by them after everyone has looked',
    patches: [{ file: RECONSIDER, search: 'if (held.length > 0) {', replace: 'if (held.length < 0) {' }],
  },
  {
    name: 'batch-child-under-a-new-id',
    why: 'a step that is repeated notifies its recipients twice',
    patches: [{ file: BATCH, search: '    operation: EXPANSION,\n', replace: '    operation: EXPANSION + batch.version,\n' }],
  },
  {
    name: 'batch-done-before-its-last-child',
    why: 'a crash after the outcome leaves recipients without a notification, and nobody looks again',
    patches: [
      {
        file: BATCH,
        search: '  await accept(childOf(batch, last));\n',
        replace: '  accept(childOf(batch, last)).catch(() => undefined);\n',
      },
    ],
  },
  {
    name: 'batch-step-marked-with-its-others',
    why: 'the last of a step stands for a step of which others are missing',
    patches: [
      {
        file: BATCH,
        search: 'await Promise.all(part.map((item) => accept(childOf(batch, item))));',
        replace: 'await Promise.all([...part, last].map((item) => accept(childOf(batch, item))));',
      },
    ],
  },
  {
    name: 'redrive-renamed-in-doubt',
    why: 'an effect that may have happened is sent again under a name that no receiver can recognise',
    patches: [{ file: REDRIVE, search: "if (past !== 'refused') return {", replace: "if (past === 'none') return {" }],
  },
  {
    name: 'redrive-counts-afresh-under-the-old-name',
    why: 'two attempts of one operation have one number: the ledger cannot tell which of them had which outcome',
    patches: [
      {
        file: REDRIVE,
        search: 'return { ...back, forgiven: delivery.attempts };',
        replace: 'return { ...back, attempts: 0, forgiven: 0 };',
      },
    ],
  },
  {
    name: 'redrive-under-the-old-name',
    why: 'a receiver that keeps ids takes what it once refused for a repeat, and it never arrives',
    patches: [
      {
        file: REDRIVE,
        search: 'delivery.channel, delivery.recipient, generation);',
        replace: 'delivery.channel, delivery.recipient, delivery.generation);',
      },
    ],
  },
  {
    name: 'woken-by-the-accepting-clock',
    why: 'a wake-up before its time is used up, and the work waits until wake-ups are published again',
    config: 'no-republish',
    patches: [
      {
        file: 'src/pipeline/accept.ts',
        search: 'if (dueAt <= updatedAt) relay.offer(record);',
        replace: 'if (dueAt <= record.createdAt) relay.offer(record);',
      },
    ],
  },
];
