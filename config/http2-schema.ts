import * as kind from './kinds.ts'

/** A window of RFC 9113, section 6.9.1, in bytes. */
const window = (from: number, range: string) => kind.size(from, 2 ** 31 - 1, range)

/** What holds for connections to callers and to endpoints alike. */
const shared = {
  glitches: kind
    .wholeNumber(100, 1_000_000)
    .optional()
    .describe(
      'Flood budget of a connection: resets, stream errors and the like cost 1, cheaper things a fraction. At three quarters the connection takes no new requests, at the end it is closed. By default 1000, of a listener at least three times `limits.streams`, since a caller may cancel all of them at once.',
    ),
  glitchRefill: kind
    .wholeNumber(1, 1_000_000)
    .prefault(33)
    .describe('What comes back to the flood budget each second.'),
  continuations: kind.wholeNumber(1, 1000).prefault(8).describe('CONTINUATION frames of one header block.'),
  settings: kind.wholeNumber(1, 2000).prefault(32).describe('Settings in one SETTINGS frame.'),
  controlFrames: kind
    .wholeNumber(10, 1_000_000)
    .prefault(1000)
    .describe('Answers to PING, SETTINGS and errors that may wait for a peer which does not read.'),
  emptyData: kind
    .wholeNumber(0, 1_000_000)
    .prefault(100)
    .describe(
      'DATA frames without data that are forgiven, besides one for each stream and each DATA frame that was passed on.',
    ),
  windowUpdates: kind
    .wholeNumber(1, 1000)
    .prefault(10)
    .describe(
      'WINDOW_UPDATE frames that each DATA frame sent gives cause for; more cost 1 of the flood budget.',
    ),
  window: window(16_384, 'from 16KiB to 2147483647B')
    .prefault('64KiB')
    .describe('Bytes of a body that a stream may bring before any are passed on.'),
  maxWindow: window(16_384, 'from 16KiB to 2147483647B')
    .optional()
    .describe(
      'What `window` grows to while the bytes leave promptly. By default 1MiB, or `window` if that is more.',
    ),
  connectionWindow: window(65_536, 'from 64KiB to 2147483647B')
    .prefault('1MiB')
    .describe('The same for all streams of a connection together.'),
  maxConnectionWindow: window(65_536, 'from 64KiB to 2147483647B')
    .optional()
    .describe(
      'What `connectionWindow` grows to with use. By default four times `maxWindow`, so that a few stalled streams do not stop the rest.',
    ),
}

export const listenerHttp2Schema = kind.mapping({
  ...shared,
  streamsPerTurn: kind
    .wholeNumber(1, 100_000)
    .prefault(100)
    .describe('Streams that a connection begins before the other connections have their turn.'),
  headBytesHeld: kind
    .size(65_536, 1024 ** 3, 'from 64KiB to 1GiB')
    .prefault('4MiB')
    .describe(
      'Headers of all open requests of a connection together; requests beyond are refused, to be sent again.',
    ),
  unread: kind
    .size(65_536, 1024 ** 3, 'from 64KiB to 1GiB')
    .prefault('4MiB')
    .describe('Answers that a caller leaves unread while it asks for more.'),
})

export const upstreamHttp2Schema = kind.mapping(shared)
