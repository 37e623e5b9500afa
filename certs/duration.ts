/** Milliseconds per unit. */
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g

/** A text is not a duration. */
export class DurationError extends Error {
  override readonly name = 'DurationError'
}

/**
 * Reads `90m`, `24h`, `3650d`, `1h30m`, `1.5h` as milliseconds. Units: ms, s, m, h, d.
 * @throws {DurationError} for anything else, zero included.
 */
export function parseDuration(text: string): number {
  const wanted = 'write a number and a unit (s, m, h, d), such as 90m, 24h or 3650d'
  if (!WHOLE.test(text)) throw new DurationError(`"${text}" is not a duration: ${wanted}`)
  let total = 0
  for (const [, number, unit] of text.matchAll(PART)) total += Number(number) * UNITS[unit!]!
  if (!(total > 0) || !Number.isFinite(total))
    throw new DurationError(`"${text}" is not above zero: ${wanted}`)
  return total
}

/** A duration for people, in its two largest units: `3649 d 23 h`, `23 h 59 min`, `59 min`, `12 s`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  if (seconds < 60) return `${seconds} s`
  const days = Math.floor(seconds / 86_400)
  const hours = Math.floor((seconds % 86_400) / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  const parts = days > 0 ? [`${days} d`, hours > 0 ? `${hours} h` : ''] : [hours > 0 ? `${hours} h` : '']
  if (days === 0 && minutes > 0) parts.push(`${minutes} min`)
  return parts.filter((part) => part !== '').join(' ')
}
