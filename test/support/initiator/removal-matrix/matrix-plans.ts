/** The rounds of the removal matrix: every driver with every way in which it can go. */

import type { MatrixDriver } from "./matrix-drivers.ts"
import type { MatrixPlan, Way } from "./matrix-round.ts"

/** Drivers whose disk stands on another bdev. */
const isStacked = ({ name }: MatrixDriver): boolean =>
  / (?:on|of) (?:malloc|a file)$/u.test(name) && !/^aio|^uring/u.test(name)

/** Ways that are asked for. */
export const askedWays = (driver: MatrixDriver): ReadonlyArray<Way> => [
  "RPC of the bdev",
  ...(isStacked(driver) ? (["RPC of the base"] as const) : []),
  "RPC of the LUNs",
  "RPC of the target",
  "hangs, RPC of the base"
]

/** Ways of the device itself. */
export const deviceWays = ({ wayNames }: MatrixDriver): ReadonlyArray<Way> => wayNames.map((_, device) => ({ device }))

/** `times` rounds of each way of a driver. */
export const plansOf = (
  driver: MatrixDriver,
  ways: ReadonlyArray<Way>,
  seed: number,
  times: number
): ReadonlyArray<MatrixPlan> =>
  Array.from({ length: times }, (_, time) =>
    ways.map((way, index) => ({ driver, way, seed: seed * 10_007 + time * 101 + index + 1 }))
  ).flat()
