import { oneOf, orNone, percentiles, quantile, rate } from './metrics.js';
import { type Board, lines, number } from './panels.js';

const HITS = rate('idempotency_hit_total{operation="ingress"}');

/** Messages: what goes into their log, what comes out, and what waits. */
export const messages: Board = {
  uid: 'signalbox-messages',
  title: 'Signalbox: messages',
  about: 'Messages: what goes into their log, what comes out of it, and what waits there.',
  choices: [],
  rows: [
    {
      title: 'In and out',
      panels: [
        lines({
          title: 'Enqueue Rate',
          about: 'Messages that went into the log. Promised: as many as are offered.',
          unit: 'ops',
          queries: [
            { expr: rate('stream_enqueue_total'), legend: 'enqueued' },
            { expr: rate('signalbox_accepted_total{workload="messages"}', 'outcome'), legend: 'offered: {{outcome}}' },
          ],
        }),
        lines({
          title: 'Dequeue Rate',
          about: 'Messages that consumers have handled: stored, there already, or neither.',
          unit: 'ops',
          stacked: true,
          queries: [{ expr: rate('stream_consumer_processed_total', 'status'), legend: '{{status}}' }],
        }),
        lines({
          title: 'Partition Lag',
          about: 'Messages that no consumer has been given yet. Normal: below 100; alarm above 1000 for 5 minutes.',
          unit: 'short',
          warn: 500,
          bad: 1000,
          queries: [{ expr: oneOf('stream_partition_lag', 'partition'), legend: '{{partition}}' }],
        }),
        lines({
          title: 'Processing Duration (p95)',
          about: 'How long it took to store the batch that a message was in. Promised: below 100 ms.',
          unit: 's',
          bad: 0.1,
          queries: [{ expr: quantile(0.95, 'stream_processing_duration_seconds'), legend: 'p95' }],
        }),
        lines({
          title: 'DLQ Rate',
          about: 'Messages that became dead letters.',
          unit: 'ops',
          queries: [{ expr: rate('stream_dead_letter_total'), legend: 'dead letters' }],
        }),
        lines({
          title: 'Idempotent Hit Rate',
          about: 'Share of what was sent that had been accepted before. 2 to 3 % is normal, above 10 % is an alarm.',
          unit: 'percentunit',
          warn: 0.05,
          bad: 0.1,
          queries: [{ expr: `(${HITS}) / (${rate('signalbox_accepted_total')} > 0)`, legend: 'repeats' }],
        }),
      ],
    },
    {
      title: 'What waits',
      panels: [
        number({
          title: 'Waiting',
          about: 'In all partitions.',
          unit: 'short',
          queries: [{ expr: orNone('signalbox:message_lag'), legend: '' }],
        }),
        number({
          title: 'In hand',
          about: 'Given to a consumer, and not stored yet.',
          unit: 'short',
          queries: [{ expr: `sum(${oneOf('stream_partition_pending', 'partition')})`, legend: '' }],
        }),
        number({
          title: 'Standing still',
          about: 'Messages of conversations that wait for a retry or for a person.',
          unit: 'short',
          warn: 1,
          queries: [{ expr: `sum(${oneOf('stream_partition_parked', 'partition')})`, legend: '' }],
        }),
        number({
          title: 'Oldest',
          about: 'Age of the oldest message that is not stored.',
          unit: 's',
          warn: 5,
          bad: 60,
          queries: [{ expr: oneOf('stream_partition_oldest_seconds'), legend: '' }],
        }),
        lines({
          title: 'From accept to stored',
          about: 'From the moment the log had a message to the moment the store had it.',
          unit: 's',
          queries: percentiles('stream_accept_to_stored_seconds'),
        }),
        lines({
          title: 'Age of the oldest, by partition',
          about: 'One that grows alone has no owner, or a conversation that takes it all.',
          unit: 's',
          queries: [{ expr: oneOf('stream_partition_oldest_seconds', 'partition'), legend: '{{partition}}' }],
        }),
      ],
    },
  ],
};
