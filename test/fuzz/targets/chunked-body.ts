import { ChunkedDecoder } from '../../../proxy/codec/http1/chunked-decoder.ts'
import { DEFAULT_LIMITS, type Http1Limits } from '../../../proxy/codec/http1/limits.ts'
import { allowedInTrailers } from '../../../proxy/message/trailer-fields.ts'
import { Chooser, chunkedBody } from '../../support/http1-generator.ts'
import { readChunked } from '../../support/naive-chunked.ts'
import { gist, type Note, promise, type Target } from '../target.ts'

/** Small, so that they are met. */
const LIMITS: Http1Limits = {
  ...DEFAULT_LIMITS,
  chunkExtensionBytes: 20,
  bodyExtensionBytes: 50,
  trailerBytes: 100,
  fields: 4,
}

/** The first byte says how the rest is cut into pieces. */
export const chunkedBodies: Target = {
  name: 'chunked-body',
  about: 'chunked bodies: whole, in pieces, and by a naive decoder',
  maxBytes: 1000,
  seeds: () => [
    ...Array.from({ length: 20 }, (_, i) =>
      Buffer.from(`\x01${chunkedBody(new Chooser(i + 1), 0)}`, 'latin1'),
    ),
    ...Array.from({ length: 20 }, (_, i) =>
      Buffer.from(`\x02${chunkedBody(new Chooser(i + 99), 0.1)}`, 'latin1'),
    ),
  ],
  dictionary: [
    '\r\n',
    '0\r\n\r\n',
    '5\r\nhello\r\n',
    ';a=b',
    ';a="b"',
    '\n',
    '\r',
    ';',
    'f',
    '00',
    'x: y\r\n',
    'Host: a\r\n',
    ':',
  ].map((text) => Buffer.from(text, 'latin1')),
  mutate: null,
  run: decode,
}

interface Outcome {
  readonly text: string
  readonly failure: string | null
  readonly done: boolean
}

function outcome(bytes: Buffer, chooser: Chooser | null): Outcome {
  const decoder = new ChunkedDecoder(LIMITS)
  decoder.begin()
  let body = ''
  let used = 0
  for (let at = 0; at < bytes.length && !decoder.done && decoder.failure === null; ) {
    const size = chooser === null ? bytes.length : 1 + chooser.below(chooser.often(0.7) ? 4 : 60)
    const chunk = Buffer.from(bytes.subarray(at, at + size))
    for (let i = 0; i < chunk.length && !decoder.done && decoder.failure === null; ) {
      const next = decoder.next(chunk, i, chunk.length)
      promise(next >= i && next <= chunk.length, 'the position leaves the chunk')
      promise(decoder.from <= decoder.to && decoder.to <= next, 'body outside of what was read')
      body += chunk.toString('latin1', decoder.from, decoder.to)
      if (next === i && !decoder.done && decoder.failure === null) promise(false, 'the decoder stands still')
      i = next
      used = at + next
    }
    chunk.fill(0x21)
    at += size
  }
  const trailers = decoder.done
    ? decoder.trailers.names.map((name, i) => `${name}:${decoder.trailers.values[i]}`)
    : []
  const text = JSON.stringify([body, trailers, decoder.done ? used : 0])
  return { text, failure: decoder.failure, done: decoder.done }
}

function decode(input: Buffer, note: Note): void {
  const bytes = input.subarray(1)
  const whole = outcome(bytes, null)
  const pieces = outcome(bytes, new Chooser(1 + (input[0] ?? 0)))
  promise(whole.done === pieces.done, 'pieces end where the whole does not')
  if (whole.failure === null || whole.done) {
    promise(whole.text === pieces.text, 'pieces give another body than the whole')
  }
  promise((whole.failure === null) === (pieces.failure === null), 'pieces fail where the whole does not')
  const expected = readChunked(bytes.toString('latin1'), LIMITS)
  promise(whole.done === expected.done, `done is ${whole.done}, for the naive decoder ${expected.done}`)
  note(
    gist(
      whole.failure ??
        `done ${whole.done} ${Math.min(4, expected.trailers.length)} ${Math.min(5, expected.body.length)}`,
    ),
  )
  if (!whole.done) return
  const trailers = expected.trailers
    .map((line) => {
      const colon = line.indexOf(':')
      return [
        line.slice(0, colon).toLowerCase(),
        line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, ''),
      ] as const
    })
    .filter(([name]) => allowedInTrailers(name))
    .map(([name, value]) => `${name}:${value}`)
  promise(
    whole.text === JSON.stringify([expected.body, trailers, expected.length]),
    'differs from the naive decoder',
  )
}
