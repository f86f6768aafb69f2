/** Loaded into a target before its own code: SIGUSR2 makes it collect its garbage, and say what its heap holds then. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc")

process.on("SIGUSR2", () => {
  collect()
  collect()
  process.stderr.write(`heap ${process.memoryUsage().heapUsed}\n`)
})
