import { AT_REST, oneOf, percentiles, quantile, rate } from './metrics.js';
import { type Board, lines, number } from './panels.js';

const CHANNEL = 'channel=~"$channel"';

/** The way of a notification: accepted, claimed, attempted, at rest. */
export const notifications: Board = {
  uid: 'signalbox-notifications',
  title: 'Signalbox: notifications',
  about: 'The way of a notification: accepted, claimed, attempted, at rest.',
  choices: [{ label: 'channel', of: 'signalbox_deliveries_settled_total' }],
  rows: [
    {
      title: 'Accepted',
      panels: [
        lines({
          title: 'Calls to accept',
          about: 'created: new. repeat: a key that is known, answered with the first answer. conflict: a known key with another body.',
          unit: 'ops',
          queries: [{ expr: rate('signalbox_accepted_total', 'workload, outcome'), legend: '{{workload}} {{outcome}}' }],
        }),
        lines({
          title: 'Idempotent hits',
          about: 'Accepts that met a key already known.',
          unit: 'ops',
          queries: [{ expr: rate('idempotency_hit_total', 'operation'), legend: '{{operation}}' }],
        }),
      ],
    },
    {
      title: 'Claimed',
      panels: [
        lines({
          title: 'Claims',
          about: 'Records claimed; wake-ups whose record could not be; of those, what somebody else holds.',
          unit: 'ops',
          queries: [
            { expr: rate('signalbox_claims_total'), legend: 'claimed' },
            { expr: rate('signalbox_claims_refused_total'), legend: 'refused' },
            { expr: rate('signalbox_lock_conflicts_total'), legend: 'held by another' },
          ],
        }),
        lines({
          title: 'Leases',
          about:
            'Claimed from one that left without a word; writes refused because the lease had passed on; calls that another may have made too.',
          unit: 'ops',
          queries: [
            { expr: rate('signalbox_leases_reclaimed_total'), legend: 'reclaimed' },
            { expr: rate('signalbox_fenced_total'), legend: 'fenced' },
            { expr: rate('signalbox_duplicates_total'), legend: 'possible duplicates' },
          ],
        }),
        lines({
          title: 'Wake-ups published',
          about: 'Right after accept, or by the sweeper, which finds what is due and was not published.',
          unit: 'ops',
          queries: [{ expr: rate('signalbox_wake_ups_published_total', 'by'), legend: '{{by}}' }],
        }),
        lines({
          title: 'Wake-ups settled',
          about: 'Acknowledged, or handed back for another.',
          unit: 'ops',
          queries: [{ expr: rate('signalbox_wake_ups_settled_total', 'how'), legend: '{{how}}' }],
        }),
      ],
    },
    {
      title: 'Attempted',
      panels: [
        lines({
          title: 'Attempts by outcome',
          about: 'What providers answered.',
          unit: 'ops',
          stacked: true,
          queries: [{ expr: rate(`signalbox_attempts_total{${CHANNEL}}`, 'channel, result'), legend: '{{channel}} {{result}}' }],
        }),
        lines({
          title: 'Providers’ time to answer (p95)',
          about: 'By channel.',
          unit: 's',
          queries: [{ expr: quantile(0.95, `signalbox_attempt_duration_seconds{${CHANNEL}}`, 'channel'), legend: '{{channel}}' }],
        }),
        lines({
          title: 'Retries',
          about: 'Attempts that failed and after which another follows.',
          unit: 'ops',
          queries: [{ expr: rate(`signalbox_retries_total{${CHANNEL}}`, 'channel'), legend: '{{channel}}' }],
        }),
        lines({
          title: 'Circuit breakers',
          about: '0 closed, 1 half-open, 2 open; by provider, the worst of all processes.',
          unit: 'none',
          bad: 2,
          whenEmpty: 'no breaker has tripped',
          queries: [{ expr: 'max by (name) (circuit_breaker_state)', legend: '{{name}}' }],
        }),
      ],
    },
    {
      title: 'At rest',
      panels: [
        lines({
          title: 'Deliveries settled',
          about: 'Come to rest, or put off.',
          unit: 'ops',
          stacked: true,
          queries: [{ expr: rate(`signalbox_deliveries_settled_total{${CHANNEL}}`, 'channel, status'), legend: '{{channel}} {{status}}' }],
        }),
        lines({
          title: 'From accept to delivered',
          about: 'Of the channels chosen, with all that they waited for: their hour, quiet hours, retries.',
          unit: 's',
          queries: percentiles(`signalbox_accept_to_delivered_seconds{${CHANNEL}}`),
        }),
        lines({
          title: 'From due to delivered',
          about: 'Of the channels chosen, from when they were last due.',
          unit: 's',
          queries: percentiles(`signalbox_due_to_delivered_seconds{${CHANNEL}}`),
        }),
        lines({
          title: 'All deliveries in the store',
          about: 'By status; what is queued, scheduled, deferred or processing is open.',
          unit: 'short',
          queries: [{ expr: oneOf('signalbox_deliveries', 'status'), legend: '{{status}}' }],
        }),
        lines({
          title: 'DLQ rate',
          about: 'New dead letters a minute.',
          unit: 'none',
          queries: [
            { expr: `60 * ${rate(`signalbox_deliveries_settled_total{status="dead",${CHANNEL}}`, 'channel')}`, legend: '{{channel}}' },
          ],
        }),
        number({
          title: 'Delivered in the last hour',
          about: 'All channels chosen.',
          unit: 'short',
          span: 8,
          queries: [{ expr: `sum(increase(signalbox_deliveries_settled_total{status="delivered",${CHANNEL}}[1h]))`, legend: 'delivered' }],
        }),
        number({
          title: 'Duplicates in the last day',
          about: 'Calls that another may have made as well. Promised: none.',
          unit: 'short',
          span: 8,
          bad: 1,
          queries: [{ expr: 'sum(increase(signalbox_duplicates_total[1d]))', legend: 'duplicates' }],
        }),
        number({
          title: 'Come to rest in the last day',
          about: 'By status.',
          unit: 'short',
          span: 8,
          queries: [
            { expr: `sum by (status) (increase(signalbox_deliveries_settled_total{${AT_REST},${CHANNEL}}[1d]))`, legend: '{{status}}' },
          ],
        }),
      ],
    },
  ],
};
