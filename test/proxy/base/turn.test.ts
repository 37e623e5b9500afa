import { setImmediate as afterTurn } from 'node:timers/promises'
import t from 'tap'
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
