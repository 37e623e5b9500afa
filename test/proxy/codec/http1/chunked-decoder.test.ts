import t from 'tap'
import { ChunkedDecoder } from '../../../../proxy/codec/http1/chunked-decoder.ts'
import { DEFAULT_LIMITS } from '../../../../proxy/codec/http1/limits.ts'
import { allowedInTrailers } from '../../../../proxy/message/trailer-fields.ts'
import { feed, waysToCut } from '../../../support/cuts.ts'
import { Chooser, chunkedBody, mutateText } from '../../../support/http1-generator.ts'
import { readChunked } from '../../../support/naive-chunked.ts'

const LIMITS = { ...DEFAULT_LIMITS, trailerBytes: 100, extensionBytes: 20, bodyExtensionBytes: 30, fields: 3 }

/** Body, trailers and length of a complete body, else why there is none. */
function decode(text: string, sizes: () => number): string {
  const decoder = new ChunkedDecoder(LIMITS)
  decoder.begin()
  let body = ''
  let used = 0
  feed(Buffer.from(text, 'latin1'), sizes, (chunk) => {
    for (let at = 0; at < chunk.length && !decoder.done && decoder.failure === null; ) {
      const next = decoder.next(chunk, at, chunk.length)
      body += chunk.toString('latin1', decoder.from, decoder.to)
      used += next - at
      at = next
    }
  })
  if (!decoder.done) return decoder.failure === null ? 'incomplete' : 'malformed'
  const { names, values } = decoder.trailers
  return JSON.stringify([body, names.map((name, i) => `${name}:${values[i]}`), used])
}

function expected(text: string): string {
  const { done, body, trailers, length } = readChunked(text, LIMITS)
  if (!done) return 'not complete'
  const fields = trailers
    .map((line) => /^([^:]*):[ \t]*(.*?)[ \t]*$/s.exec(line) as unknown as [string, string, string])
    .filter(([, name]) => allowedInTrailers(name.toLowerCase()))
    .map(([, name, value]) => `${name.toLowerCase()}:${value}`)
  return JSON.stringify([body, fields, length])
}

t.test('decodes what a naive decoder decodes, in any pieces', async (t) => {
  let complete = 0
  for (let seed = 1; seed <= 3000; seed++) {
    const chooser = new Chooser(seed)
    const odd = seed % 3 === 0 ? 0.1 : 0
    let text = chunkedBody(chooser, odd)
    if (seed % 3 === 1) text = mutateText(chooser, text)
    // Behind the body the next message begins.
    if (chooser.often(0.5)) text += 'GET / HTTP/1.1\r\n'
    const wanted = expected(text)
    if (wanted !== 'not complete') complete += 1
    let first = ''
    for (const [name, sizes] of waysToCut(text.length, chooser)) {
      const got = decode(text, sizes)
      if (first === '') first = got
      if (got !== first || (wanted === 'not complete' ? got.startsWith('[') : got !== wanted))
        t.fail(`${name}: ${got}, not ${wanted}: ${JSON.stringify(text)}`)
    }
  }
  t.ok(complete > 1000, `${complete} complete ones`)
})

t.test('a trailer section as long as allowed, and one byte longer', async (t) => {
  const section = (bytes: number): string => `0\r\nx: ${'y'.repeat(bytes - 5)}\r\n\r\n`
  for (const sizes of [() => 1, () => 1000]) {
    t.match(decode(section(100), sizes), /^\[/)
    t.equal(decode(section(101), sizes), 'malformed')
    t.equal(decode(section(150), sizes), 'malformed')
  }
})
