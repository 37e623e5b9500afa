/** One cycle of a graph, from a node back to the same node; empty when there is none. */
export function findCycle(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const finished = new Set<string>()
  const trail: string[] = []

  function visit(node: string): string[] {
    const at = trail.indexOf(node)
    if (at >= 0) return [...trail.slice(at), node]
    if (finished.has(node)) return []
    trail.push(node)
    for (const next of edges.get(node) ?? []) {
      const cycle = visit(next)
      if (cycle.length > 0) return cycle
    }
    trail.pop()
    finished.add(node)
    return []
  }

  for (const node of edges.keys()) {
    const cycle = visit(node)
    if (cycle.length > 0) return cycle
  }
  return []
}
