/** What one scenario found, ready to be printed. */
export interface Figure {
  readonly title: string
  /** What was set up, for people: sentences in Markdown. */
  readonly setting: string
  /** Names of the columns. */
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** The figure as a section in Markdown. */
export function figureText({ title, setting, columns, rows }: Figure): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const ruler = columns.map((_, i) => (i === 0 ? '---' : '--:'))
  return [`### ${title}`, '', setting, '', line(columns), line(ruler), ...rows.map(line), ''].join('\n')
}

/** The same for a terminal, with columns in line. */
export function figureTable({ title, columns, rows }: Figure): string {
  const all = [columns, ...rows].map((cells) => cells.map(plain))
  const widths = columns.map((_, i) => Math.max(...all.map((cells) => (cells[i] ?? '').length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
      .join('  ')
  return [title, ...all.map((cells) => `  ${line(cells)}`), ''].join('\n')
}

function plain(cell: string): string {
  return cell.replaceAll('`', '')
}

/** `0.1234` as `12.3 %`. */
export function percent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)} %`
}

/** Milliseconds, with as many digits as are of use. */
export function milliseconds(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
}
