import { setImmediate as afterTurn } from 'node:timers/promises'
import t from 'tap'
import { reportDefects } from '../../../proxy/base/defects.ts'
import { atTurnEnd } from '../../../proxy/base/turn.ts'

t.test('items are called once at the end of the turn, in order', async (t) => {
  const called: string[] = []
  atTurnEnd({ turnEnd: () => called.push('a') })
  atTurnEnd({ turnEnd: () => called.push('b') })
  t.strictSame(called, [], 'not at once')
  await afterTurn()
  t.strictSame(called, ['a', 'b'])
  await afterTurn()
  t.strictSame(called, ['a', 'b'])
})

t.test('an item that comes while items are called has its own turn', async (t) => {
  const called: string[] = []
  const later = { turnEnd: () => called.push('later') }
  const first = {
    turnEnd: () => {
      called.push('first')
      atTurnEnd(later)
    },
  }
  atTurnEnd(first)
  atTurnEnd({ turnEnd: () => called.push('second') })
  await afterTurn()
  t.strictSame(called, ['first', 'second'])
  await afterTurn()
  t.strictSame(called, ['first', 'second', 'later'])
})

t.test('an item that fails is told of and does not keep the others back', async (t) => {
  const told: unknown[] = []
  reportDefects((error) => told.push(error))
  t.teardown(() => reportDefects(() => {}))
  const called: string[] = []
  const failure = new Error('defect')
  atTurnEnd({
    turnEnd: () => {
      throw failure
    },
  })
  atTurnEnd({ turnEnd: () => called.push('after') })
  await afterTurn()
  t.strictSame(called, ['after'])
  t.strictSame(told, [failure])
  atTurnEnd({ turnEnd: () => called.push('next turn') })
  await afterTurn()
  t.strictSame(called, ['after', 'next turn'])
})
