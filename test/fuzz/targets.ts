import type { Target } from './target.ts'
import { chunkedBodies } from './targets/chunked-body.ts'
import { dnsReplies } from './targets/dns-replies.ts'
import { hpackDecoder } from './targets/hpack-decoder.ts'
import { http1Client } from './targets/http1-client.ts'
import { http1RequestHead, http1ResponseHead } from './targets/http1-heads.ts'
import { http1Server } from './targets/http1-server.ts'
import { http2Client } from './targets/http2-client.ts'
import { http2Frames } from './targets/http2-frames.ts'
import { http2Server } from './targets/http2-server.ts'
import { paths } from './targets/paths.ts'

/** Every target there is. A new one is a file in targets/ and a line here. */
export const TARGETS: readonly Target[] = [
  hpackDecoder,
  http2Frames,
  http1RequestHead,
  http1ResponseHead,
  chunkedBodies,
  http2Server,
  http2Client,
  http1Server,
  http1Client,
  paths,
  dnsReplies,
]
