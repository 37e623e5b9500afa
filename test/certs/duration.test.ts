import t from 'tap'
import { formatDuration, parseDuration } from '../../certs/duration.ts'

const HOUR = 3_600_000

t.test('durations are read with their units', (t) => {
  for (const [text, milliseconds] of [
    ['250ms', 250],
    ['45s', 45_000],
    ['90m', 1.5 * HOUR],
    ['24h', 24 * HOUR],
    ['3650d', 3650 * 24 * HOUR],
    ['1h30m', 1.5 * HOUR],
    ['1.5h', 1.5 * HOUR],
  ] as const) {
    t.equal(parseDuration(text), milliseconds, text)
  }
  for (const text of ['', '5', 'h', '-1h', '1 h', '1w', '1e3s', '0s', `${'9'.repeat(400)}d`]) {
    t.throws(() => parseDuration(text), { name: 'DurationError', message: /such as 90m, 24h or 3650d/ }, text)
  }
  t.end()
})

t.test('durations are shown in two units', (t) => {
  for (const [milliseconds, text] of [
    [-5, '0 s'],
    [59_999, '59 s'],
    [90_000, '1 min'],
    [HOUR, '1 h'],
    [1.5 * HOUR, '1 h 30 min'],
    [24 * HOUR, '1 d'],
    [49.5 * HOUR, '2 d 1 h'],
  ] as const) {
    t.equal(formatDuration(milliseconds), text)
  }
  t.end()
})
