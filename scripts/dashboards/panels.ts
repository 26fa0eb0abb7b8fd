import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import { LegendDisplayMode, LegendPlacement, SortOrder, TooltipDisplayMode, VisibilityMode } from '@grafana/grafana-foundation-sdk/common';
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TextBuilder } from '@grafana/grafana-foundation-sdk/text';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** Which Prometheus it is: chosen at the top of each dashboard. */
const SOURCE = { type: 'prometheus', uid: '$datasource' };

/** One line, or one per label set. */
export interface Query {
  readonly expr: string;
  readonly legend: string;
}

/** What one panel shows. */
export interface PanelSpec {
  readonly title: string;
  /** What it tells, for whoever hovers over it. */
  readonly about: string;
  /** As Grafana names units: s, reqps, percentunit, bytes. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Shown in its place while there is nothing; without it, an empty panel is a mistake. Few have it. */
  readonly whenEmpty?: string;
  /** From here on it is yellow, then red; the other way round where red is the smaller. */
  readonly warn?: number;
  readonly bad?: number;
  /** Columns of 24; default 12, a number alone 4. */
  readonly span?: number;
  readonly stacked?: boolean;
  readonly max?: number;
}

function thresholds({ warn, bad }: PanelSpec): ThresholdsConfigBuilder {
  const builder = new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute);
  if (bad !== undefined && warn !== undefined && bad < warn) {
    return builder.steps([
      { value: null, color: 'red' },
      { value: bad, color: 'yellow' },
      { value: warn, color: 'green' },
    ]);
  }
  return builder.steps([
    { value: null, color: 'green' },
    ...(warn === undefined ? [] : [{ value: warn, color: 'yellow' }]),
    ...(bad === undefined ? [] : [{ value: bad, color: 'red' }]),
  ]);
}

function queryOf({ expr, legend }: Query, index: number): DataqueryBuilder {
  return new DataqueryBuilder()
    .refId(String.fromCharCode('A'.charCodeAt(0) + index))
    .datasource(SOURCE)
    .expr(expr)
    .legendFormat(legend);
}

/** Lines over time. */
export function lines(spec: PanelSpec): Builder<Panel> {
  const panel = new TimeseriesBuilder()
    .title(spec.title)
    .description(spec.about)
    .datasource(SOURCE)
    .unit(spec.unit)
    .min(0)
    .height(8)
    .span(spec.span ?? 12)
    .fillOpacity(spec.stacked === true ? 40 : 8)
    .showPoints(VisibilityMode.Never)
    .thresholds(thresholds(spec))
    .legend(new common.VizLegendOptionsBuilder().displayMode(LegendDisplayMode.List).placement(LegendPlacement.Bottom).showLegend(true))
    .tooltip(new common.VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .targets(spec.queries.map(queryOf));
  if (spec.warn !== undefined || spec.bad !== undefined) {
    panel.thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed));
  }
  if (spec.stacked === true) panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal));
  if (spec.max !== undefined) panel.max(spec.max);
  return spec.whenEmpty === undefined ? panel : panel.noValue(spec.whenEmpty);
}

/** One number for each query, as it is now. */
export function number(spec: PanelSpec): Builder<Panel> {
  const panel = new StatBuilder()
    .title(spec.title)
    .description(spec.about)
    .datasource(SOURCE)
    .unit(spec.unit)
    .height(4)
    .span(spec.span ?? 4)
    .colorMode(common.BigValueColorMode.Value)
    .graphMode(common.BigValueGraphMode.Area)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false))
    .thresholds(thresholds(spec))
    .targets(spec.queries.map(queryOf));
  return spec.whenEmpty === undefined ? panel : panel.noValue(spec.whenEmpty);
}

/** Markdown. */
export function text(title: string, content: string, height: number, span = 24): Builder<Panel> {
  return new TextBuilder().title(title).content(content).height(height).span(span);
}

/** A dashboard as it is described: rows of panels. */
export interface Board {
  readonly uid: string;
  readonly title: string;
  readonly about: string;
  readonly from?: string;
  /** Names of labels to choose by, and the metric that has them. */
  readonly choices: readonly { readonly label: string; readonly of: string }[];
  readonly rows: readonly { readonly title: string; readonly panels: readonly Builder<Panel>[] }[];
  /** The number of a panel, where links lead to it from elsewhere; left out: its place. */
  readonly numberOf?: (title: string) => number;
}

/** The same frame around all: where the data come from, what to choose by, the way to the others. */
export function dashboard(board: Board): Dashboard {
  const builder = new DashboardBuilder(board.title)
    .uid(board.uid)
    .description(board.about)
    .tags(['signalbox'])
    .timezone('browser')
    .refresh('10s')
    .time({ from: board.from ?? 'now-1h', to: 'now' })
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
    .link(new DashboardLinkBuilder('Signalbox').type(DashboardLinkType.Dashboards).tags(['signalbox']).asDropdown(true).keepTime(true))
    .link(new DashboardLinkBuilder('Runbook').type(DashboardLinkType.Link).url('/d/signalbox-runbook').icon('doc'));
  for (const { label, of } of board.choices) {
    builder.withVariable(
      new QueryVariableBuilder(label)
        .label(label)
        .datasource(SOURCE)
        .query({ query: `label_values(${of}, ${label})`, refId: label })
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .multi(true)
        .includeAll(true)
        .allValue('.*')
        .current({ text: 'All', value: '$__all' }),
    );
  }
  for (const { title, panels } of board.rows) {
    builder.withRow(new RowBuilder(title));
    for (const panel of panels) builder.withPanel(panel);
  }
  const built = builder.build();
  // Grafana keeps what a person looks at by the panel's number.
  for (const [index, panel] of (built.panels ?? []).entries()) panel.id = board.numberOf?.(panel.title ?? '') ?? index + 1;
  return built;
}
