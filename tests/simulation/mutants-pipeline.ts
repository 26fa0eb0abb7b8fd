import type { Mutant } from './mutants.js';

const CALL = 'src/pipeline/call.ts';
const ACCEPT = 'src/pipeline/accept.ts';
const CONSUME = 'src/pipeline/consume.ts';
const DELIVER = 'src/pipeline/deliver.ts';
const LEASE = 'src/pipeline/lease.ts';
const OUTCOME = 'src/pipeline/outcome.ts';
const RELAY = 'src/pipeline/relay.ts';

const DELIVER_CALL = 'const result = await deliver(this.#deliverDeps, workload, lease);';
const EFFECT_CALL = 'const outcome = await call(this.deps, this.lease, channel, this.workload.effect(this.lease.record, intent));';
const INTENT_WRITE = 'this.write({ deliveries: [intent], ledger: [...carried, entry], events: [event], release: false });';

/** Mutants of the real pipeline. */
export const PIPELINE_MUTANTS: readonly Mutant[] = [
  {
    name: 'ack-before-outcome',
    why: 'a crash after the ack loses the wake-up; only the sweeper would find the record',
    patches: [{ file: CONSUME, search: DELIVER_CALL, replace: `this.#settle(wakeUp, 'ack');\n    ${DELIVER_CALL}` }],
  },
  {
    name: 'ack-after-refused-outcome',
    why: 'a stale worker takes the wake-up away from under the new holder, whose crash then loses the record',
    patches: [
      { file: CONSUME, search: 'if (now === null || now.dueAt === null) this.#settle(', replace: 'if (now !== undefined) this.#settle(' },
    ],
  },
  {
    name: 'ack-while-leased-by-another',
    why: 'as above, without even having held the record',
    patches: [
      {
        file: CONSUME,
        search: "this.#settle(wakeUp, 'release', Math.max(0, (refusal.until ?? now) - now) + this.#soon());",
        replace: "this.#settle(wakeUp, 'ack');",
      },
    ],
  },
  {
    name: 'dead-letter-after-ack',
    why: 'a crash between the ack and the write loses the dead letter',
    patches: [
      {
        file: CONSUME,
        search: DELIVER_CALL,
        replace: `if (lease.record.barrenClaims > this.#deps.settings.maxClaims) this.#settle(wakeUp, 'ack');\n    ${DELIVER_CALL}`,
      },
    ],
  },
  {
    name: 'refused-outcome-taken-as-applied',
    why: 'a fenced worker goes on as if its write had been stored',
    patches: [{ file: LEASE, search: 'if (!result.applied) {', replace: 'if (result === undefined) {' }],
  },
  {
    name: 'repeat-under-new-sequence-number',
    why: 'a lost reply makes the store write the same thing twice',
    patches: [{ file: LEASE, search: '{ ...change, seq, status, dueAt }', replace: '{ ...change, seq: (seq += 1), status, dueAt }' }],
  },
  {
    name: 'key-per-attempt',
    why: 'the provider takes each attempt for another effect',
    patches: [
      {
        file: DELIVER,
        search: 'this.workload.effect(this.lease.record, intent)',
        replace: '{ ...this.workload.effect(this.lease.record, intent), operationId: intent.operationId + intent.attempts }',
      },
    ],
  },
  {
    name: 'operation-renamed-by-retry',
    why: 'as above, and the ledger is renamed with it',
    patches: [
      {
        file: DELIVER,
        search: '      attempts: delivery.attempts + 1,\n',
        replace: '      attempts: delivery.attempts + 1,\n      operationId: delivery.operationId + delivery.attempts,\n',
      },
    ],
  },
  {
    name: 'replay-gives-new-id',
    why: 'a client that repeats a lost request gets its work done twice',
    patches: [{ file: ACCEPT, search: 'recordIdFor(submission) ?? ids.next()', replace: 'ids.next()' }],
  },
  {
    name: 'schedule-by-the-accepting-clock',
    why: 'an accepting clock that runs ahead sends what is scheduled before its time',
    patches: [{ file: ACCEPT, search: '? now : scheduledFor;', replace: '? now : later ? scheduledFor : now;' }],
  },
  {
    name: 'place-never-given-back',
    why: 'after a few calls nobody gets a place at the provider any more',
    patches: [{ file: DELIVER, search: '      place.leave();\n', replace: '' }],
  },
  {
    name: 'relay-offer-dropped',
    why: 'accepted work waits for the next sweep instead of starting at once',
    config: 'calm',
    patches: [{ file: ACCEPT, search: "if (result.outcome === 'created') wake(", replace: "if (result.outcome === 'conflict') wake(" }],
  },
  {
    name: 'mark-before-publish',
    why: 'a crash between the two leaves a record that everyone believes to be published',
    patches: [
      {
        file: RELAY,
        search: 'await queue.publish(wakeUps);\n    await outbox.published(wakeUps);',
        replace: 'await outbox.published(wakeUps);\n    await queue.publish(wakeUps);',
      },
    ],
  },
  {
    name: 'outcome-before-effect',
    why: 'a crash leaves a delivered record that nobody received',
    patches: [
      {
        file: DELIVER,
        search: EFFECT_CALL,
        replace: EFFECT_CALL.replace('outcome = await', "outcome: Outcome = { kind: 'done' };\n      void"),
      },
    ],
  },
  {
    name: 'intent-after-effect',
    why: 'a crash after the effect leaves no trace of it, and it is sent again even where that doubles it',
    patches: [
      {
        file: DELIVER,
        search: `const written = await ${INTENT_WRITE}`,
        replace: `const written: Delivered = 'applied' as Delivered;\n    void ${INTENT_WRITE}`,
      },
    ],
  },
  {
    name: 'lease-of-nothing',
    why: 'every claim is free for the next worker at once',
    patches: [{ file: CONSUME, search: 'leaseMs: settings.leaseMs, alone', replace: 'leaseMs: 0, alone' }],
  },
  {
    name: 'no-renewal',
    why: 'work that takes longer than a lease is never finished',
    config: 'calm-slow',
    patches: [{ file: LEASE, search: 'else if (!lease.leaving && now', replace: 'else if (now < 0 && now' }],
  },
  {
    name: 'send-without-looking-at-the-lease',
    why: 'a worker that was stopped between claim and send sends under another’s lease',
    patches: [{ file: CALL, search: 'if (!lease.safe()) return {', replace: 'if (lease === undefined) return {' }],
  },
  {
    name: 'lost-lease-not-signalled',
    why: 'a worker that lost its lease keeps calling the provider beside the new holder',
    config: 'slow',
    patches: [{ file: LEASE, search: '      abort.abort();\n', replace: '' }],
  },
  {
    name: 'deadline-seen-only-at-heartbeats',
    why: 'the signal fires up to a third of a lease late: the next holder may begin beside a call that is still under way',
    config: 'slow',
    patches: [
      {
        file: LEASE,
        search: 'const inMs = nextLookMs(settings, held.values(), clock.monotonic());',
        replace: 'const inMs = settings.heartbeatMs;',
      },
    ],
  },
  {
    name: 'suspect-beside-neighbours',
    why: 'what kills its worker takes others with it, which are then charged with the crash',
    patches: [{ file: CONSUME, search: 'this.#busy === 0 ? this.#suspects.shift()', replace: 'this.#busy >= 0 ? this.#suspects.shift()' }],
  },
  {
    name: 'suspects-left-behind',
    why: 'once a lone claim is refused, the other suspects block their places in the prefetch until the process ends',
    patches: [
      {
        file: CONSUME,
        search: 'await this.#claimAndRun([suspect.wakeUp], true);',
        replace: '{\n          await this.#claimAndRun([suspect.wakeUp], true);\n          break;\n        }',
      },
    ],
  },
  {
    name: 'suspects-claimed-with-neighbours',
    why: 'as above: a whole batch is charged with one item’s crash',
    patches: [{ file: CONSUME, search: 'await this.#claimAndRun(batch, false);', replace: 'await this.#claimAndRun(batch, true);' }],
  },
  {
    name: 'poison-never-dies',
    why: 'an item that kills its worker before any intent does so for ever',
    patches: [
      {
        file: DELIVER,
        search: 'if (lease.record.barrenClaims > this.deps.settings.maxClaims) return',
        replace: 'if (lease.record.barrenClaims < 0) return',
      },
    ],
  },
  {
    name: 'attempt-charged-for-waiting',
    why: 'an open breaker or quiet hours use up the retries',
    patches: [
      {
        file: DELIVER,
        search: 'reason: rule, dueAt: until, intentAt: null }',
        replace: 'reason: rule, dueAt: until, intentAt: null, attempts: delivery.attempts + 1 }',
      },
    ],
  },
  {
    name: 'resend-in-doubt',
    why: 'a provider that absorbs nothing gets the effect twice',
    patches: [
      {
        file: OUTCOME,
        search: "return held(on, failure, 'unknown.hold');",
        replace: "return putOffOrDie(on, on.delivery, failure, 'unknown');",
      },
    ],
  },
  {
    name: 'crash-taken-for-a-failure',
    why: 'an intent without an outcome is not a known negative: sending again doubles it',
    patches: [
      {
        file: DELIVER,
        search: "let outcome: Outcome = { kind: 'unknown', failure: LOST };",
        replace: "let outcome: Outcome = { kind: 'retry', failure: LOST };",
      },
    ],
  },
  {
    name: 'queryable-not-asked',
    why: 'a provider that could have told is sent the effect again',
    patches: [
      {
        file: DELIVER,
        search: 'const answer = await channel.query(delivery.operationId, this.lease.signal);',
        replace: "const answer: string = 'not-done';",
      },
    ],
  },
  {
    name: 'sent-while-the-query-is-open',
    why: 'a queryable provider that could not tell is sent the effect again',
    patches: [
      {
        file: DELIVER,
        search: "if (status !== 'deferred' || intentAt !== null) return",
        replace: "if (status !== 'deferred') return",
      },
    ],
  },
  {
    name: 'settle-without-release',
    why: 'a finished or put-off record stays leased: nobody can amend it or go on with it until the lease runs out',
    patches: [{ file: DELIVER, search: 'release: this.left === 0 }', replace: 'release: this.left < 0 }' }],
  },
  {
    name: 'cancel-ignored',
    why: 'what was cancelled is sent all the same',
    patches: [
      {
        file: DELIVER,
        search: 'if (this.lease.record.cancelRequestedAt !== null) return {',
        replace: 'if (this.lease.record.cancelRequestedAt === 0) return {',
      },
    ],
  },
  {
    name: 'retry-after-ignored',
    why: 'a provider that asks for a pause is hit again at once, and shuts us out',
    patches: [{ file: OUTCOME, search: "outcome.failure, 'throttled', outcome.afterMs)", replace: "outcome.failure, 'throttled')" }],
  },
  {
    name: 'resend-due-by-the-accepting-clock',
    why: 'one clock that runs ahead holds a resend back for as long',
    patches: [
      {
        file: 'src/pipeline/amend.ts',
        search: 'reason: rule, dueAt: record.updatedAt,',
        replace: 'reason: rule, dueAt: record.createdAt,',
      },
    ],
  },
];
