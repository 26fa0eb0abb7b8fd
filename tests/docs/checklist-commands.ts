/** A command as a checklist has it. */
export interface ListedCommand {
  /** Its first line in the checklist. */
  readonly line: number;
  /** Its first line as it stands there, without list marks; ` …` behind it when it goes on. */
  readonly text: string;
}

/** A command that a shell, a Redis prompt or a .env file takes: what an inline code span must start with to be one. */
const PROGRAMS = new Set(
  'ANALYZE artillery bash cat cd clickhouse-backup cp curl docker docker-compose git java kafka-topics ls mongo mvn nano node npm npx open pg_dump pm2 psql railway redis-cli sleep source tar watch'.split(
    ' ',
  ),
);

/** Code spans with blanks in them that are no commands. */
const NOT_COMMANDS = [/^state: 'pending'$/, /^\[[^\]]*\]$/];

const FENCE = /^\s*```(\w*)\s*$/;

function opensMore(text: string): boolean {
  const unescaped = text.replace(/\\./gs, '');
  const singles = unescaped.replace(/"[^"]*"/g, '').split("'").length - 1;
  const doubles = unescaped.replace(/'[^']*'/g, '').split('"').length - 1;
  if (singles % 2 === 1 || doubles % 2 === 1 || /\\$/.test(text)) return true;
  const heredoc = /<<'?(\w+)'?/.exec(text)?.[1];
  if (heredoc !== undefined && !text.split('\n').slice(1).includes(heredoc)) return true;
  return /^for .*; do$/m.test(text) && !/^\s*done$/m.test(text);
}

/** The commands of one block; `first` is the number of its first line. */
function inBlock(lines: readonly string[], first: number): ListedCommand[] {
  const found: ListedCommand[] = [];
  let open: { readonly line: number; text: string } | null = null;
  const close = (command: { readonly line: number; readonly text: string }): void => {
    const [head = '', ...more] = command.text.split('\n');
    const bare = head.replace(/\s+# .*$/, '').replace(/\s*\\$/, '');
    found.push({ line: command.line, text: more.length > 0 ? `${bare} …` : bare });
  };
  for (const [at, raw] of lines.entries()) {
    const line = raw.replace(/^- \[[ x]\] /, '');
    if (open === null && (line.trim() === '' || line.trim().startsWith('#'))) continue;
    const command: { readonly line: number; text: string } =
      open === null ? { line: first + at, text: line.trim() } : { line: open.line, text: `${open.text}\n${line}` };
    open = opensMore(command.text.replace(/\s# .*$/gm, '')) ? command : null;
    if (open === null) close(command);
  }
  if (open !== null) throw new Error(`line ${open.line}: the command never ends: ${open.text}`);
  return found;
}

/** Every code span of a line, without its backticks. */
export function codeSpans(line: string): string[] {
  return [...line.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
}

/** Whether a code span outside of blocks is a command: it starts with a program, after any assignments. */
function isCommand(span: string): boolean {
  const [program = ''] = span.replace(/^([A-Z_]+=\S+ )+/, '').split(' ');
  return PROGRAMS.has(program);
}

/** Lines outside of blocks, with their numbers, and the commands inside of bash and env blocks. */
function parts(markdown: string): { readonly prose: readonly (readonly [number, string])[]; readonly commands: readonly ListedCommand[] } {
  const prose: [number, string][] = [];
  const commands: ListedCommand[] = [];
  let block: { readonly language: string; readonly first: number; readonly lines: string[] } | null = null;
  for (const [at, line] of markdown.split('\n').entries()) {
    const fence = FENCE.exec(line);
    if (fence === null) {
      if (block === null) prose.push([at + 1, line]);
      else block.lines.push(line);
    } else if (block === null) {
      block = { language: fence[1] ?? '', first: at + 2, lines: [] };
    } else {
      if (block.language === 'bash' || block.language === 'env') commands.push(...inBlock(block.lines, block.first));
      block = null;
    }
  }
  return { prose, commands };
}

/** Every command of a checklist, in its order: lines of its bash and env blocks, and code spans that are commands. */
export function commandsOf(markdown: string): ListedCommand[] {
  const { prose, commands } = parts(markdown);
  const inline = prose.flatMap(([line, text]) =>
    codeSpans(text)
      .filter(isCommand)
      .map((span) => ({ line, text: span })),
  );
  return [...commands, ...inline].sort((a, b) => a.line - b.line);
}

/** Code spans outside of blocks that look like commands (they have a blank in them) and are taken for none. */
export function doubtfulSpans(markdown: string): string[] {
  const spans = parts(markdown).prose.flatMap(([, text]) => codeSpans(text));
  return spans.filter((span) => /\s/.test(span) && !isCommand(span) && !NOT_COMMANDS.some((pattern) => pattern.test(span)));
}
