import { readdirSync, readFileSync } from 'node:fs'
import { pause } from './process.ts'

/** USER_HZ, which Linux fixes at 100 on every architecture Node.js runs on: proc(5). */
const TICKS_PER_SECOND = 100
const QUIET_MS = 300
const QUIET_SHARE = 0.15

/** The process and everything below it. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const parent = statFields(Number(entry))?.[1]
    if (parent === undefined) continue
    const siblings = children.get(Number(parent)) ?? []
    siblings.push(Number(entry))
    children.set(Number(parent), siblings)
  }
  const tree = [root]
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i] as number) ?? []))
  return tree
}

/** User and system time of the process tree so far, all threads, in seconds; resolution 10 ms. */
export function cpuSeconds(root: number): number {
  let ticks = 0
  for (const pid of processTree(root)) {
    const fields = statFields(pid)
    if (fields !== null) ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / TICKS_PER_SECOND
}

/** Sum of the peak resident set sizes of the process tree, in bytes. Pages shared within the tree count twice. */
export function peakResidentBytes(root: number): number {
  let kibibytes = 0
  for (const pid of processTree(root)) {
    const line = /^VmHWM:\s+(\d+) kB/m.exec(readOrEmpty(`/proc/${pid}/status`))
    if (line !== null) kibibytes += Number(line[1])
  }
  return kibibytes * 1024
}

/** Seconds that a core spent on work, and that the hypervisor took from it, since boot. */
export interface CoreTime {
  readonly busy: number
  readonly stolen: number
}

export function coreTime(core: number): CoreTime {
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(readFileSync('/proc/stat', 'utf8'))
  if (line === null) throw new Error(`core ${core} does not exist on this machine`)
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (line[1] as string)
    .split(' ')
    .map((ticks) => Number(ticks) / TICKS_PER_SECOND)
  return { busy: user + nice + system + irq + softirq, stolen: steal }
}

/**
 * Waits until the cores are at most 15 % busy for 0.3 s; returns false if that does not happen within `seconds`.
 */
export async function quietCores(cores: readonly number[], seconds: number): Promise<boolean> {
  const deadline = Date.now() + seconds * 1000
  while (Date.now() < deadline) {
    const before = cores.map((core) => coreTime(core))
    await pause(QUIET_MS)
    const quiet = cores.every((core, i) => {
      const now = coreTime(core)
      const earlier = before[i] as CoreTime
      return now.busy + now.stolen - earlier.busy - earlier.stolen <= (QUIET_MS / 1000) * QUIET_SHARE
    })
    if (quiet) return true
  }
  return false
}

/** Fields of /proc/PID/stat from `state` on: [0] state, [1] ppid, [11] utime, [12] stime. Null if it is gone. */
function statFields(pid: number): string[] | null {
  const text = readOrEmpty(`/proc/${pid}/stat`)
  // The command name is in parentheses and may contain spaces and parentheses itself.
  const end = text.lastIndexOf(')')
  return end < 0 ? null : text.slice(end + 2).split(' ')
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
