import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../config/env-file.js';
import { readEnvironment } from '../config/env-file.js';
import { redacted } from '../config/redact.js';
import { doubts } from '../config/rules.js';
import type { AnySetting } from '../config/settings.js';
import { SECTIONS, SETTINGS } from '../config/settings.js';
import { given, loadConfig, readSettings } from '../config.js';
import type { Probe } from './config-probe.js';
import { probe } from './config-probe.js';

const HELP = `Shows where every setting comes from, its value (secrets hidden) and whether it is right.

Usage: npm run config:check [-- --probe] [-- --json]

  --probe   also tries what the settings point at: the data directory, the mail relay, the servers, the ports
  --json    one JSON document instead of lines
  --help    this

Exit code 0: all is well. 2: something is wrong, or the command line was not understood.
`;

interface Row {
  readonly name: string;
  readonly source: 'environment' | '.env' | 'default';
  /** As it may be shown. */
  readonly value: string;
  readonly verdict: 'ok' | 'warning' | 'error';
  /** What is wrong; empty when nothing is. */
  readonly detail: string;
}

/** What there is to say about a configuration. */
interface Report {
  readonly settings: readonly Row[];
  /** Variables of the `.env` file that no setting reads: most often a typing error. */
  readonly unknown: readonly string[];
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

function detailFor(setting: AnySetting, lines: readonly string[]): string | null {
  const own = lines.filter((line) => line.startsWith(`${setting.env}: `)).map((line) => line.slice(setting.env.length + 2));
  return own.length === 0 ? null : own.join('; ');
}

function row(setting: AnySetting, environment: Environment, errors: readonly string[], warnings: readonly string[]): Row {
  const found = given(setting, environment.variables);
  const error = detailFor(setting, errors);
  const warning = detailFor(setting, warnings);
  return {
    name: setting.env,
    source: found === null ? 'default' : environment.fromFile.has(found.name) ? '.env' : 'environment',
    value: found === null ? setting.defaultText : redacted(setting, found.text),
    verdict: error !== null ? 'error' : warning !== null ? 'warning' : 'ok',
    detail: error ?? warning ?? '',
  };
}

/** Judges every setting of an environment; opens and contacts nothing. */
export function report(environment: Environment): Report {
  const reading = readSettings(environment.variables);
  const warnings = doubts(reading.values, reading.given);
  const names = new Set(Object.values(SETTINGS).flatMap((setting) => [setting.env, ...setting.aliases]));
  return {
    settings: SECTIONS.flatMap((section) => section.settings).map((setting) => row(setting, environment, reading.errors, warnings)),
    unknown: environment.inFile.filter((name) => !names.has(name)),
    errors: reading.errors,
    warnings,
  };
}

function lines(found: Report, probes: readonly Probe[] | null): string {
  const named = Math.max(...found.settings.map((each) => each.name.length));
  const out: string[] = [];
  for (const each of found.settings) {
    const verdict = each.verdict === 'ok' ? 'ok' : `${each.verdict}: ${each.detail}`;
    out.push(`${each.name.padEnd(named)}  ${each.source.padEnd(11)}  ${each.value === '' ? '-' : each.value}  ${verdict}`);
  }
  for (const name of found.unknown) out.push(`${name.padEnd(named)}  .env         (not shown)  warning: no setting has this name`);
  if (probes !== null) out.push('', ...probes.map((each) => `probe ${each.name}: ${each.ok ? 'ok' : 'error'}: ${each.detail}`));
  const wrong = found.errors.length + (probes ?? []).filter((each) => !each.ok).length;
  out.push('', wrong === 0 ? 'all is well' : `${wrong} ${wrong === 1 ? 'thing is' : 'things are'} wrong`);
  return `${out.join('\n')}\n`;
}

/** The command; writes through `write` and gives the exit code. */
export async function configCheck(argv: readonly string[], environment: Environment, write: (text: string) => void): Promise<0 | 2> {
  const unknown = argv.find((argument) => !['--probe', '--json', '--help', '-h'].includes(argument));
  if (argv.includes('--help') || argv.includes('-h') || unknown !== undefined) {
    write(unknown === undefined ? HELP : `config:check does not know ${unknown}\n\n${HELP}`);
    return unknown === undefined ? 0 : 2;
  }
  const found = report(environment);
  // What cannot be read cannot be tried either.
  const probes = argv.includes('--probe') && found.errors.length === 0 ? await probe(loadConfig(environment.variables)) : null;
  write(argv.includes('--json') ? `${JSON.stringify({ ...found, probes }, null, 2)}\n` : lines(found, probes));
  const sound = found.errors.length === 0 && (probes ?? []).every((each) => each.ok);
  return sound ? 0 : 2;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await configCheck(process.argv.slice(2), readEnvironment(), (text) => process.stdout.write(text));
}
