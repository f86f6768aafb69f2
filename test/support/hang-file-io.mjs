/**
 * Preloaded into a server by `aio-disk.test.ts`: reads and writes of the file LUNLOG_TEST_HANG_FILE hang in libuv's
 * pool, each on the FIFO LUNLOG_TEST_FIFO, and happen when it is opened for writing. Says on stderr when one begins.
 */
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"

const path = process.env.LUNLOG_TEST_HANG_FILE
const fifo = process.env.LUNLOG_TEST_FIFO ?? ""
const { close, open, read, write } = fs
const hung = new Set()

fs.open = (file, ...rest) => {
  const done = rest.pop()
  open(file, ...rest, (error, descriptor) => {
    if (error === null && file === path) hung.add(descriptor)
    done(error, descriptor)
  })
}

const hanging = (operation) =>
  function hangOn(descriptor, ...args) {
    if (!hung.has(descriptor)) return operation(descriptor, ...args)
    process.stderr.write("an operation hangs\n")
    // Opening the reading end waits, in a thread of the pool, for somebody who writes.
    open(fifo, "r", (_error, end) => {
      close(end, () => {})
      operation(descriptor, ...args)
    })
  }

fs.read = hanging(read)
fs.write = hanging(write)
syncBuiltinESMExports()
