import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('corpus/', import.meta.url))

/** Inputs in `test/fuzz/corpus/<name>.txt`, one a line: `text ...` with JavaScript's escapes, or `hex ...`. */
export function readCorpus(name: string): Buffer[] {
  const file = `${FOLDER}${name}.txt`
  return existsSync(file) ? parseCorpus(readFileSync(file, 'utf8')) : []
}

export function parseCorpus(text: string): Buffer[] {
  const inputs: Buffer[] = []
  text.split('\n').forEach((line, i) => {
    if (line === '' || line.startsWith('#')) return
    const [, kind, rest] = /^(text|hex) (.*)$/.exec(line) ?? []
    if (kind === 'text') inputs.push(bytesOf(rest as string))
    else if (kind === 'hex' && /^([0-9a-f]{2}| )*$/.test(rest as string))
      inputs.push(Buffer.from((rest as string).replaceAll(' ', ''), 'hex'))
    else throw new Error(`line ${i + 1} is neither "text ..." nor "hex ..." nor a comment: ${line}`)
  })
  return inputs
}

/** The line of a corpus file for `input`, in the form that reads better. */
export function formatInput(input: Buffer): string {
  const printable = input.filter((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 13 || byte === 10).length
  return printable * 5 > input.length * 4 ? `text ${lineOf(input)}` : `hex ${input.toString('hex')}`
}

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '\\': '\\', 0: '\0' }

function bytesOf(text: string): Buffer {
  const plain = text.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (whole, hex: string | undefined, one: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    const char = ESCAPES[one]
    if (char === undefined) throw new Error(`${whole} is no escape`)
    return char
  })
  return Buffer.from(plain, 'latin1')
}

function lineOf(input: Buffer): string {
  return input.toString('latin1').replace(/[^\x20-\x5b\x5d-\x7e]/g, (char) => {
    if (char === '\r') return '\\r'
    if (char === '\n') return '\\n'
    if (char === '\\') return '\\\\'
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}
