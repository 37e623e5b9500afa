import { readdirSync, readFileSync } from 'node:fs'

/**
 * Whether a process group has a member that still runs. Zombies do not: in a container without an init they stay, as
 * nobody collects what the application leaves behind.
 */
export function groupLives(group: number): boolean {
  try {
    process.kill(-group, 0)
  } catch (error) {
    // EPERM: there is somebody, who has become another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return process.platform !== 'linux' || hasRunningMember(group)
}

/** State and group of each process, as proc_pid_stat(5) has them. */
function hasRunningMember(group: number): boolean {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    let stat: string
    try {
      stat = readFileSync(`/proc/${name}/stat`, 'latin1')
    } catch {
      // It ended meanwhile.
      continue
    }
    // The name of the program, in parentheses, may hold anything, parentheses too.
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (Number(pgrp) === group && state !== 'Z' && state !== 'X') return true
  }
  return false
}
