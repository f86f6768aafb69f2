/** A lunlog server with the web console, and the address that it prints for it. */
import { startTarget, type TargetOptions, type TargetProcess } from "../target-process.ts"
import { until } from "../until.ts"

/** What to start; `console` is where the page listens, on any port unless said otherwise. */
export interface ConsoleTargetOptions extends TargetOptions {
  readonly consolePort?: number
  /** `--console-allow-changes`. */
  readonly allowChanges?: boolean
}

/** A server and its page. */
export interface ConsoleTarget extends AsyncDisposable {
  readonly process: TargetProcess
  readonly call: TargetProcess["rpc"]["call"]
  /** As it was printed: with the token in its fragment. */
  readonly url: string
  /** The page without token: `http://127.0.0.1:PORT/`. */
  readonly page: string
  readonly token: string
}

const printedUrl = /(https?:\/\/\S+\/)#token=([\w-]+)/u

/** Starts a server with `--console` and waits until it has printed the page's URL. */
export const startConsoleTarget = async (options: ConsoleTargetOptions = {}): Promise<ConsoleTarget> => {
  const { allowChanges = false, args = [], consolePort = 0, ...rest } = options
  const flags = ["--console", `127.0.0.1:${consolePort}`, ...(allowChanges ? ["--console-allow-changes"] : [])]
  const process = await startTarget({ ...rest, args: [...args, ...flags] })
  const printed = () => printedUrl.exec(`${process.stdout()}\n${process.stderr()}`)
  try {
    await until("the URL of the console is printed", () => printed() !== null)
    const [url = "", page = "", token = ""] = printed() ?? []
    return {
      process,
      call: process.rpc.call,
      url,
      page,
      token,
      [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]()
    }
  } catch (error) {
    await process[Symbol.asyncDispose]()
    throw error
  }
}
