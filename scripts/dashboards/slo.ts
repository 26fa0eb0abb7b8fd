import { type Board, lines, number, text } from './panels.js';

/** The objectives as people read them; what counts as bad is in prometheus/alerts/slo.yml. */
const OBJECTIVES = `| objective | promised | of |
|---|---|---|
| availability | 99.9 % | requests to the API not answered with 5xx |
| response-time | 95 % | requests answered within 0.5 s, streams left out |
| delivery | 99 % | deliveries that neither die nor are held |
| delivery-time | 95 % | deliveries delivered within 0.3 s of when they were last due: at once, at the hour they were scheduled for, at the end of quiet hours, at a retry |

Over 30 days. The budget is what may go wrong; at a burn rate of 1 it lasts exactly that long.`;

/** Are the promises kept, and for how long will they be? */
export const slo: Board = {
  uid: 'signalbox-slo',
  title: 'Signalbox: objectives (SLA)',
  about: 'Whether the promises are kept, and for how long they will be.',
  from: 'now-6h',
  choices: [{ label: 'slo', of: 'slo:objective' }],
  rows: [
    {
      title: 'Compliance',
      panels: [
        text('Objectives', OBJECTIVES, 8, 12),
        number({
          title: 'Kept so far',
          about: 'The share of what was good, over 30 days.',
          unit: 'percentunit',
          span: 12,
          queries: [{ expr: '1 - slo:error_ratio:30d{slo=~"$slo"}', legend: '{{slo}}' }],
        }),
        number({
          title: 'Budget left',
          about: 'Of 30 days. Below zero the objective is missed.',
          unit: 'percentunit',
          span: 12,
          warn: 0.25,
          bad: 0,
          queries: [{ expr: 'slo:budget_left:30d{slo=~"$slo"}', legend: '{{slo}}' }],
        }),
      ],
    },
    {
      title: 'Burn rate',
      panels: [
        lines({
          title: 'Fast: over an hour',
          about: 'Alarm above 14.4, when the last 5 minutes are as bad.',
          unit: 'none',
          bad: 14.4,
          queries: [{ expr: 'slo:error_ratio:1h{slo=~"$slo"} / (1 - slo:objective)', legend: '{{slo}}' }],
        }),
        lines({
          title: 'Medium: over 6 hours',
          about: 'Alarm above 6, when the last half hour is as bad.',
          unit: 'none',
          bad: 6,
          queries: [{ expr: 'slo:error_ratio:6h{slo=~"$slo"} / (1 - slo:objective)', legend: '{{slo}}' }],
        }),
        lines({
          title: 'Slow: over a day',
          about: 'Alarm above 3, when the last 2 hours are as bad.',
          unit: 'none',
          bad: 3,
          queries: [{ expr: 'slo:error_ratio:1d{slo=~"$slo"} / (1 - slo:objective)', legend: '{{slo}}' }],
        }),
        lines({
          title: 'Creeping: over 3 days',
          about: 'Alarm above 1, when the last 6 hours are as bad.',
          unit: 'none',
          bad: 1,
          queries: [{ expr: 'slo:error_ratio:3d{slo=~"$slo"} / (1 - slo:objective)', legend: '{{slo}}' }],
        }),
      ],
    },
    {
      title: 'What they are made of',
      panels: [
        lines({
          title: 'All',
          about: 'What counts, a second.',
          unit: 'ops',
          queries: [{ expr: 'slo:total:rate5m{slo=~"$slo"}', legend: '{{slo}}' }],
        }),
        lines({
          title: 'Bad',
          about: 'What of it was bad, a second.',
          unit: 'ops',
          queries: [{ expr: 'slo:bad:rate5m{slo=~"$slo"}', legend: '{{slo}}' }],
        }),
      ],
    },
  ],
};
