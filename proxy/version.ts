import { readFileSync } from 'node:fs'

/** The package's version, read from package.json: two levels up in the build, one in the source. */
export const VERSION = readVersion()

function readVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const text = readFileSync(new URL(place, import.meta.url), 'utf8')
      return String((JSON.parse(text) as { version: unknown }).version)
    } catch {
      // Not there: the other place.
    }
  }
  return 'unknown'
}
