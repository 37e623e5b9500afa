import * as kind from './kinds.ts'

/** What callers and endpoints alike may make an HTTP/1.1 connection do. */
const shared = {
  chunkExtensionBytes: kind
    .size(0, 64 * 1024, 'from 0B to 64KiB')
    .prefault('256B')
    .describe('Size of the extensions of one chunk; they are read and dropped.'),
  bodyExtensionBytes: kind
    .size(0, 1024 ** 2, 'from 0B to 1MiB')
    .prefault('16KiB')
    .describe('Size of the extensions of all chunks of one body together.'),
  windowBytes: kind
    .size(4096, 16 * 1024 ** 2, 'from 4KiB to 16MiB')
    .prefault('64KiB')
    .describe('Bytes of a body that are read before they have left for the other side.'),
}

const requests = () => kind.orOff('a whole number from 1 to 1000000000', kind.wholeNumber(1, 1_000_000_000))

/** `listeners[].http1`. */
export const listenerHttp1Schema = kind.mapping({
  ...shared,
  pipelineBytes: kind
    .size(1024, 16 * 1024 ** 2, 'from 1KiB to 16MiB')
    .prefault('64KiB')
    .describe('Bytes of pipelined requests that are kept while an earlier one is answered.'),
  drainBytes: kind
    .size(0, 16 * 1024 ** 2, 'from 0B to 16MiB')
    .prefault('64KiB')
    .describe(
      'Rest of a request that is read and thrown away once it is answered, to keep the connection; with more to come it is closed.',
    ),
  requests: requests()
    .prefault('off')
    .describe('Requests served on one connection; the last response says that it closes. `off`: no limit.'),
})

/** `upstreams.<name>.http1`. */
export const upstreamHttp1Schema = kind.mapping({
  ...shared,
  interimHeads: kind.wholeNumber(0, 1000).prefault(32).describe('Interim (1xx) responses to one request.'),
  requests: requests()
    .prefault('off')
    .describe('Requests sent on one connection; then it is closed. `off`: no limit.'),
})
