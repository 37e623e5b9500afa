export interface Order {
  readonly id: string
  readonly item: string
  readonly quantity: number
}

/** The order asked for makes no sense; `message` says why. */
export class OrderProblem extends Error {
  override readonly name = 'OrderProblem'
}

/** Orders kept, so that a service left running does not grow; the oldest goes first. */
const ORDER_LIMIT = 1000

/** The orders, in memory. */
export class OrderBook {
  readonly #orders = new Map<string, Order>()
  #lastId = 0

  constructor() {
    this.add({ item: 'espresso', quantity: 2 })
    this.add({ item: 'flat white', quantity: 1 })
  }

  /** All orders, oldest first. */
  list(): Order[] {
    return [...this.#orders.values()]
  }

  get(id: string): Order | undefined {
    return this.#orders.get(id)
  }

  /**
   * Takes an order such as `{"item": "espresso", "quantity": 2}`.
   * @throws OrderProblem unless `item` is text of 1 to 100 characters and `quantity` a whole number from 1 to 1000
   */
  add(input: unknown): Order {
    if (typeof input !== 'object' || input === null || Array.isArray(input)) {
      throw new OrderProblem('expected an object such as {"item": "espresso", "quantity": 2}')
    }
    const { item, quantity } = input as Record<string, unknown>
    if (typeof item !== 'string' || item.length < 1 || item.length > 100) {
      throw new OrderProblem('item: expected text of 1 to 100 characters')
    }
    if (typeof quantity !== 'number' || !Number.isInteger(quantity) || quantity < 1 || quantity > 1000) {
      throw new OrderProblem('quantity: expected a whole number from 1 to 1000')
    }
    this.#lastId += 1
    const order = { id: String(this.#lastId), item, quantity }
    this.#orders.set(order.id, order)
    if (this.#orders.size > ORDER_LIMIT) this.#orders.delete(this.#orders.keys().next().value as string)
    return order
  }
}
