import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Command, InvalidArgumentError } from 'commander'
import { formatInput } from './corpus.ts'
import { failure } from './fuzzer.ts'
import type { Target } from './target.ts'
import { TARGETS } from './targets.ts'
import { HEADER, type Message, type Task } from './worker.ts'

const FINDINGS = fileURLToPath(new URL('findings/', import.meta.url))
/** One execution takes less than a millisecond or two: after this long it is taken to hang, in milliseconds. */
const HANGS_AFTER = 10_000
const PROGRESS_EVERY = 5000

/** A thread does not inherit the loader of TypeScript. */
const START = `
import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))}).then(({ register }) => {
  register()
  return import(${JSON.stringify(new URL('worker.ts', import.meta.url).href)})
})`

interface Options {
  readonly target: readonly string[]
  readonly seconds: number
  readonly runs: number
  readonly seed: number
  readonly input?: string
}

const NAMES = TARGETS.map(({ name }) => name)

function count(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('A whole number, 0 or more.')
  return value
}

function oneTarget(text: string, before: readonly string[] = []): readonly string[] {
  if (!NAMES.includes(text)) throw new InvalidArgumentError(`One of ${NAMES.join(', ')}.`)
  return [...before, text]
}

const program = new Command('npm run fuzz --')
  .description('Feeds the codecs with input that nobody would send, and says which input breaks a promise.')
  .option(
    '--target <name>',
    'what to fuzz; more than once for several, which run in turn (default: all)',
    oneTarget,
  )
  .option('--seconds <n>', 'how long each target runs', count, 60)
  .option('--runs <n>', 'executions of each target, 0 for no limit', count, 0)
  .option('--seed <n>', 'the same seed makes the same inputs', count, 1)
  .option('--input <file>', 'execute one target on this file alone, and show what it throws')
  .addHelpText(
    'after',
    `
Targets:
${TARGETS.map(({ name, about }) => `  ${name.padEnd(20)} ${about}`).join('\n')}

A finding is made small, written to test/fuzz/findings/ and ends with exit code 1; Ctrl-C ends with 0.
See docs/testing.md.`,
  )
  .parse()

process.exitCode = await main(program.opts<Options>())

async function main(options: Options): Promise<number> {
  const targets = TARGETS.filter(({ name }) => (options.target ?? NAMES).includes(name))
  if (options.input !== undefined) {
    if (targets.length !== 1) return complain('--input needs exactly one --target')
    return replay(targets[0] as Target, options.input)
  }
  let found = 0
  for (const target of targets) {
    const outcome = await fuzz(target, options)
    if (outcome === 'interrupted') break
    if (outcome === 'finding') found += 1
  }
  return found > 0 ? 1 : 0
}

function complain(text: string): number {
  process.stderr.write(`fuzz: ${text}\n`)
  return 2
}

function replay(target: Target, file: string): number {
  let input: Buffer
  try {
    input = readFileSync(file)
  } catch (error) {
    return complain((error as Error).message)
  }
  const error = failure(target, input)
  if (error === null) {
    process.stdout.write(`${target.name} takes these ${input.length} bytes as it should\n`)
    return 0
  }
  process.stdout.write(`${error.stack}\n`)
  return 1
}

type Outcome = 'finding' | 'time' | 'interrupted'

/** Runs one target in a thread of its own, so that one that hangs is noticed. */
function fuzz(target: Target, { seconds, runs, seed }: Options): Promise<Outcome> {
  const shared = new SharedArrayBuffer(HEADER + target.maxBytes)
  const counters = new Int32Array(shared, 0, 2)
  const task: Task = { target: target.name, seed, runs: runs === 0 ? Number.POSITIVE_INFINITY : runs, shared }
  const worker = new Worker(START, { eval: true, workerData: task })
  const begun = performance.now()
  let progress = { kept: 0, seen: 0 }
  const say = (): void => {
    const executions = Atomics.load(counters, 0)
    const passed = (performance.now() - begun) / 1000
    process.stdout.write(
      `${target.name}: ${passed.toFixed(0)} s, ${executions} executions, ${Math.round(executions / passed)}/s, ` +
        `${progress.kept} inputs kept, ${progress.seen} different things seen\n`,
    )
  }
  return new Promise((resolve, reject) => {
    let over = false
    const end = (outcome: Outcome): void => {
      if (over) return
      over = true
      clearInterval(looks)
      process.off('SIGINT', interrupted)
      say()
      void worker.terminate().then(() => resolve(outcome))
    }
    const interrupted = (): void => end('interrupted')
    process.on('SIGINT', interrupted)
    let minimising = false
    let last = -1
    let lastMoved = begun
    let lastSaid = begun
    const looks = setInterval(() => {
      const now = performance.now()
      const executions = Atomics.load(counters, 0)
      if (executions !== last || minimising) lastMoved = now
      last = executions
      if (now - lastMoved > HANGS_AFTER) {
        keep(target, Buffer.from(Buffer.from(shared, HEADER, counters[1])), 'it does not end')
        end('finding')
      } else if (now - begun > seconds * 1000 && !minimising) end('time')
      else if (now - lastSaid > PROGRESS_EVERY) {
        lastSaid = now
        say()
      }
    }, 200)
    worker.on('message', (message: Message) => {
      if (message.kind === 'progress') progress = message
      else if (message.kind === 'minimising') minimising = true
      else if (message.kind === 'done') end('time')
      else {
        keep(target, Buffer.from(message.input), message.stack)
        end('finding')
      }
    })
    worker.on('error', (error) => {
      over = true
      clearInterval(looks)
      reject(error)
    })
  })
}

function keep(target: Target, input: Buffer, why: string): void {
  mkdirSync(FINDINGS, { recursive: true })
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 12)
  const file = relative('', `${FINDINGS}${target.name}-${digest}.bin`)
  writeFileSync(file, input)
  process.stdout.write(
    `\n${target.name}: ${why}\n\nto see it again:\n  npm run fuzz -- --target ${target.name} --input ${file}\n` +
      `to keep it tried, a line in test/fuzz/corpus/${target.name}.txt:\n  ${formatInput(input)}\n\n`,
  )
}
