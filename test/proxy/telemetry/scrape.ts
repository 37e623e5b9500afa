/** One sample of a scrape in either text format. */
export interface Scraped {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Reads a scrape strictly: a line that is neither a comment nor a sample throws. */
export function parseScrape(text: string): Scraped[] {
  const samples: Scraped[] = []
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const match = /^([a-z_][a-z0-9_]*)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (match === null) throw new Error(`not a sample: ${line}`)
    samples.push({ name: match[1]!, labels: parseLabels(match[2] ?? ''), value: parseValue(match[3]!) })
  }
  return samples
}

/** The value of the one sample with this name and exactly these labels, or undefined. */
export function sampleValue(
  samples: readonly Scraped[],
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const wanted = key(labels)
  const found = samples.filter((sample) => sample.name === name && key(sample.labels) === wanted)
  if (found.length > 1) throw new Error(`${found.length} samples of ${name}${wanted}`)
  return found[0]?.value
}

function key(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  let rest = text
  while (rest !== '') {
    const match = /^([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)/.exec(rest)
    if (match === null) throw new Error(`not a label: ${rest}`)
    labels[match[1]!] = match[2]!.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char))
    rest = rest.slice(match[0].length)
  }
  return labels
}

function parseValue(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  const value = Number(text)
  if (Number.isNaN(value)) throw new Error(`not a number: ${text}`)
  return value
}
