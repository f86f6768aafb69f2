/** How much memory the data plane may take when nobody says: what the machine has, less what is not counted. */
import { totalmem } from "node:os"

/**
 * What the process needs beside what a budget counts, in bytes: the program and its heap, the event log's caches, the
 * stacks of its threads. Of a machine that has little, half.
 */
export const uncountedBytes = 512 * 1024 * 1024

/** Bytes that this process can have at most: the machine's memory, or less in a container. */
export const memoryOfMachine = (): number => {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/** What to warn of where a limit is more than there is to have; undefined if it is not. */
export const limitWarning = (limitBytes: number, machineBytes = memoryOfMachine()): string | undefined => {
  if (limitBytes <= machineBytes) return undefined
  const [limit, machine] = [limitBytes, machineBytes].map((bytes) => `${Math.floor(bytes / 1024 ** 2)} MiB`)
  return (
    `--mem-size: ${limit} is more than the ${machine} that this process can have: memory may run out before the ` +
    "limit is reached, and the process with it; use less, or leave it out"
  )
}

/** The limit of a budget unless the command line says otherwise, in bytes. */
export const defaultMemoryBytes = (): number => {
  const bytes = memoryOfMachine()
  return bytes - Math.min(uncountedBytes, bytes / 2)
}
