import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { groupLives } from '../../../proxy/app/process-group.ts'
import { isAlive, until } from '../../support/supervised-app.ts'

t.test('a group lives while one of it runs, whoever leads it', async (t) => {
  const leader = spawn('sh', ['-c', 'sleep 600 & echo $!'], { detached: true })
  const { pid = 0 } = leader
  t.teardown(() => groupLives(pid) && process.kill(-pid, 'SIGKILL'))
  const exited = once(leader, 'exit')
  const [text] = await once(leader.stdout, 'data')
  const child = Number(text)
  await exited
  t.equal(groupLives(pid), true, 'its leader is gone')
  process.kill(child, 'SIGKILL')
  await until('the child to be gone', () => !isAlive(child))
  await until('the group to be gone', () => !groupLives(pid))
})

t.test('a group of zombies is dead', async (t) => {
  const program = '$| = 1; my $p = fork; if (!$p) { setpgrp(0, 0); exit } print "$p\\n"; sleep 600'
  const parent = spawn('perl', ['-e', program])
  t.teardown(() => parent.kill('SIGKILL'))
  const started = await Promise.race([
    once(parent, 'error').then(() => null),
    once(parent.stdout, 'data').then(([text]) => Number(text)),
  ])
  if (started === null) {
    t.comment('skipped: perl is not installed')
    return
  }
  await until('the child to end', () => !isAlive(started))
  t.doesNotThrow(() => process.kill(-started, 0), 'the system still knows it')
  t.equal(groupLives(started), false)
})

t.test('there is no such group', async (t) => {
  const child = spawn('true', { detached: true })
  await once(child, 'exit')
  t.equal(groupLives(child.pid ?? 0), false)
})
