import pino from 'pino'

/** Where finished log lines go. Shared by the log and the access log, so that lines never mix. */
export interface LogStream {
  /** Takes one line, its line feed included. Never blocks, never throws. */
  write(line: string): void
  /** Hands on at once what is buffered; at exit. */
  flush(): void
  /** Lines dropped so far because their reader was too slow. */
  readonly dropped: number
}

/** Bytes of log that wait for a slow reader before further lines are dropped. */
const MAX_BUFFERED = 1024 * 1024

/**
 * Bytes that a pipe takes in one piece, whoever else writes into it: PIPE_BUF of Linux. Lines beyond it are rare, and may
 * be mixed.
 */
const ATOMIC_WRITE = 4096

/**
 * A stream that writes to a file descriptor in the background, several lines at a time; the rest is written when the
 * process exits. When the reader is gone, lines are thrown away: a log must not take the proxy down. With `shared` other
 * processes write there too, and no line of theirs shall end up within one of these.
 */
export function createLogStream(fd: number, shared = false): LogStream {
  const maxWrite = shared ? { maxWrite: ATOMIC_WRITE } : {}
  const destination = pino.destination({ fd, sync: false, maxLength: MAX_BUFFERED, ...maxWrite })
  let dropped = 0
  let broken = false
  destination.on('drop', () => {
    dropped += 1
  })
  destination.on('error', () => {
    broken = true
  })
  return {
    write(line) {
      if (broken) dropped += 1
      else destination.write(line)
    },
    flush() {
      if (broken) return
      try {
        destination.flushSync()
      } catch {
        // The stream was not open yet or is gone: nothing more can be done for these lines.
        broken = true
      }
    },
    get dropped() {
      return dropped
    },
  }
}

let stderr: LogStream | null = null

/** Standard error, opened once, by whoever comes first. */
export function stderrLogStream(shared = false): LogStream {
  stderr ??= createLogStream(2, shared)
  return stderr
}
