import pino from 'pino'
import { type LogStream, stderrLogStream } from './log-stream.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** What is written; "silent" for none. */
export type LogThreshold = LogLevel | 'silent'

/**
 * Fields of a line. `err` may be anything thrown: its message and code are written, its stack is not. `level`,
 * `time`, `service` and `msg` are taken.
 */
export type LogFields = Readonly<Record<string, unknown>>

/** Writes lines with fields and a sentence. */
export interface Logger {
  debug(fields: LogFields, msg: string): void
  info(fields: LogFields, msg: string): void
  warn(fields: LogFields, msg: string): void
  error(fields: LogFields, msg: string): void
}

/** The process's log. */
export interface Log extends Logger {
  /** The threshold in force; may be set at any time. */
  level: LogThreshold
  /** Whether lines of `level` are written now: to ask before building costly fields. */
  enabled(level: LogLevel): boolean
  /** Hands on at once what is buffered; at exit. */
  flush(): void
}

export interface LogOptions {
  /** Default "info". */
  readonly level?: LogThreshold
  /** Written into each line. */
  readonly service: string
  /** Default: standard error. */
  readonly stream?: LogStream
}

/** A log of JSON lines: `level` (a word), `time` (ISO 8601, UTC), `service`, the fields, `msg`. */
export function createLogger(options: LogOptions): Log {
  const stream = options.stream ?? stderrLogStream()
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: { service: options.service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
    },
    { write: (line) => stream.write(line) },
  )
  return {
    debug: (fields, msg) => logger.debug(fields, msg),
    info: (fields, msg) => logger.info(fields, msg),
    warn: (fields, msg) => logger.warn(fields, msg),
    error: (fields, msg) => logger.error(fields, msg),
    get level() {
      return logger.level as LogThreshold
    },
    set level(level) {
      logger.level = level
    },
    enabled: (level) => logger.isLevelEnabled(level),
    flush: () => stream.flush(),
  }
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  const code: unknown = 'code' in error ? error.code : undefined
  return typeof code === 'string' ? { message: error.message, code } : { message: error.message }
}
