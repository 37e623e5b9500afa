import type { Tier } from './tier.ts'

/** A tier keeps all of its load while this times its usable share is 1: down to 71.4 % (Envoy's overprovisioning factor). */
export const OVERPROVISION = 1.4

/**
 * Sets every tier's `load` and `panic`; a tier whose `panic` changed gets a new version.
 *
 * The first tier keeps everything while its usable share times `overprovision` (1 or more) is at least 1; below, what it
 * lacks goes to the next, and so on. A tier panics when its usable share is under `panicBelow` (0 to 1; 0: never) and the
 * tiers together cannot carry the whole load: as long as another tier can, the unusable endpoints are left alone. Tiers
 * of degraded endpoints come last, take what all others lack, and never panic.
 */
export function spreadLoad(tiers: readonly Tier[], panicBelow: number, overprovision: number): void {
  let capacity = 0
  for (const tier of tiers) capacity += capacityOf(tier, overprovision)
  const total = Math.min(1, capacity)
  let rest = 1
  for (let i = 0; i < tiers.length; i++) {
    const tier = tiers[i] as Tier
    // With nothing usable at all the first tier gets everything, so that its panic decides.
    const wanted = total > 0 ? capacityOf(tier, overprovision) / total : i === 0 ? 1 : 0
    tier.load = Math.min(rest, wanted)
    // Guards the sum against rounding.
    rest = Math.max(0, rest - tier.load)
    const panic = total < 1 && !tier.degraded && usableOf(tiers, tier) < panicBelow * tier.members.length
    if (panic !== tier.panic) {
      tier.panic = panic
      tier.version += 1
    }
  }
}

/** Usable members of a tier, those that are degraded included. */
function usableOf(tiers: readonly Tier[], tier: Tier): number {
  let usable = tier.usable
  for (const one of tiers) if (one.degraded && one.rank === tier.rank) usable += one.usable
  return usable
}

function capacityOf(tier: Tier, overprovision: number): number {
  return tier.members.length === 0 ? 0 : Math.min(1, (overprovision * tier.usable) / tier.members.length)
}
