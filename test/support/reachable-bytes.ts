/** Memory that is still in use after garbage collection: what a long run must not add to. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

const collect = (): void => {
  setFlagsFromString("--expose-gc")
  runInNewContext("gc")()
}

/** Bytes of this process that are reachable now, in the heap and in buffers. */
export const reachableBytes = (): number => {
  // Buffers that one collection has found dead are given back in the background, at the latest by the next.
  for (let times = 0; times < 3; times++) collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
