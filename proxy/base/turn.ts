import { defect } from './defects.ts'

/** Something that gathered work during this turn of the event loop. */
export interface TurnEnd {
  turnEnd(): void
}

let dirty: TurnEnd[] = []
let spare: TurnEnd[] = []
let scheduled = false
let count = 0

/**
 * A number that changes from turn to turn. A turn in which nobody gathered work is counted with the one before it.
 */
export function currentTurn(): number {
  return count
}

/**
 * Calls `item.turnEnd()` once when every socket that is readable in this turn of the event loop has been read
 * (the check phase, setImmediate). The caller makes sure that it does not enqueue the same item twice per turn.
 */
export function atTurnEnd(item: TurnEnd): void {
  dirty.push(item)
  if (!scheduled) {
    scheduled = true
    setImmediate(run)
  }
}

function run(): void {
  scheduled = false
  count += 1
  const items = dirty
  dirty = spare
  for (let i = 0; i < items.length; i++) {
    try {
      ;(items[i] as TurnEnd).turnEnd()
    } catch (error) {
      // One connection's trouble must not keep the others' output back.
      defect(error)
    }
  }
  items.length = 0
  spare = items
}
