/** Asks the module that was loaded into the server (`preload/probe.mjs`) what its process has under way. */
import { connect } from "node:net"
import { join } from "node:path"

/** What it answers. */
export interface Probe {
  /** `process.getActiveResourcesInfo()`, counted. */
  readonly resources: Readonly<Record<string, number>>
  readonly heapBytes: number
  readonly externalBytes: number
}

const answerMillis = 5000

/** Undefined where nothing answers. */
export const askProbe = (directory: string): Promise<Probe | undefined> =>
  new Promise((resolve) => {
    const socket = connect(join(directory, "probe"))
    let text = ""
    socket.setTimeout(answerMillis, () => socket.destroy())
    socket.on("data", (chunk) => {
      text += chunk.toString()
    })
    socket.once("error", () => resolve(undefined))
    socket.once("close", () => resolve(text === "" ? undefined : JSON.parse(text)))
  })
