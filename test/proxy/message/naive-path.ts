import type { PathRules } from '../../../proxy/message/path.ts'

/**
 * The normal form of a path by the letter of RFC 3986, step by step and slowly; null when it is refused. What the
 * optimised function is compared with.
 */
export function naivePath(target: string, { keepEscapedSlashes, mergeSlashes }: PathRules): string | null {
  if (target === '*') return target
  const [path, query] = /^([^?]*)(.*)$/s.exec(target)!.slice(1) as [string, string]
  if (!/^\/[\x21-\x7e]*$/.test(path) || /[#\\]/.test(path)) return null
  if (/%(?![0-9a-f]{2})/i.test(path)) return null
  if (/%(?:[01][0-9a-f]|7f|5c)/i.test(path)) return null
  if (!keepEscapedSlashes && /%2f/i.test(path)) return null
  const decoded = path.replace(/%../g, (written) => {
    const char = String.fromCharCode(Number.parseInt(written.slice(1), 16))
    return /[A-Za-z0-9._~-]/.test(char) ? char : written.toUpperCase()
  })
  // Dot segments that only some readers see.
  if (/(?:^|\/)\.\.?(?:;|%3B)/.test(decoded)) return null
  for (const segment of decoded.split('/')) {
    const parts = segment.split('%2F')
    if (parts.length > 1 && parts.some((part) => /^\.\.?(?:$|;|%3B)/.test(part))) return null
  }
  let input = mergeSlashes ? decoded.replace(/\/+/g, '/') : decoded
  // RFC 3986 §5.2.4, with an error where that has nothing left to remove.
  let output = ''
  while (input !== '') {
    if (input.startsWith('/./')) input = input.slice(2)
    else if (input === '/.') input = '/'
    else if (input.startsWith('/../') || input === '/..') {
      if (output === '') return null
      output = output.slice(0, output.lastIndexOf('/'))
      input = input === '/..' ? '/' : input.slice(3)
    } else {
      const segment = /^\/[^/]*/.exec(input)![0]
      output += segment
      input = input.slice(segment.length)
    }
  }
  return output + query
}
