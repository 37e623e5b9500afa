/**
 * Whether a scraper prefers the OpenMetrics format, by its Accept field (RFC 9110 §12.5.1): when it names
 * application/openmetrics-text with a weight above 0 that no text/plain exceeds. Wildcards mean the text format.
 */
export function prefersOpenMetrics(accept: string | undefined): boolean {
  if (accept === undefined) return false
  let openMetrics = 0
  let text = 0
  for (const range of accept.toLowerCase().split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim())
    const weight = weightOf(parameters)
    if (type === 'application/openmetrics-text') {
      if (knownVersion(parameters)) openMetrics = Math.max(openMetrics, weight)
    } else if (type === 'text/plain') {
      text = Math.max(text, weight)
    }
  }
  return openMetrics > 0 && openMetrics >= text
}

function weightOf(parameters: readonly string[]): number {
  const q = parameters.find((parameter) => parameter.startsWith('q='))
  if (q === undefined) return 1
  const weight = Number(q.slice(2))
  return weight >= 0 && weight <= 1 ? weight : 0
}

function knownVersion(parameters: readonly string[]): boolean {
  const version = parameters.find((parameter) => parameter.startsWith('version='))
  return version === undefined || version === 'version=1.0.0'
}
