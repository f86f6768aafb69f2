/** Burdens that no load generator makes: commands, logins, discoveries and calls of the scripted initiator. */
import { writeSame } from "../../support/initiator/host-commands.ts"
import type { Lunlog } from "../../support/initiator/lunlog.ts"
import { Session } from "../../support/initiator/Session.ts"
import type { RunningBurden } from "./Burden.ts"

/** The largest that WRITE SAME takes. */
const eraseBlocks = 65_535
const erasesAtOnce = 8
const blockBytes = 512

/** `lanes` at once do `work` over and over until the time is over. */
const inLanes = (lanes: number, work: () => Promise<unknown>): RunningBurden["run"] => {
  const lane = async (until: number): Promise<void> => {
    while (performance.now() < until) await work()
  }
  return async (seconds) => {
    const until = performance.now() + seconds * 1000
    await Promise.all(Array.from({ length: lanes }, () => lane(until)))
  }
}

const nothingToEnd = async (): Promise<void> => {}

/** Zeros over the whole of LUN 0. */
export const eraseOver =
  (targetName: string) =>
  async (lunlog: Lunlog): Promise<RunningBurden> => {
    const session = await lunlog.open(targetName, {}, 0)
    const erase = (): Promise<unknown> => session.command(writeSame(0, 0, eraseBlocks, Buffer.alloc(blockBytes)))
    return { run: inLanes(erasesAtOnce, erase), [Symbol.asyncDispose]: async () => session.drop() }
  }

/** Sessions that come and go. */
export const logInOver =
  (targetName: string, lanes: number) =>
  async ({ endpoint }: Lunlog): Promise<RunningBurden> => ({
    run: inLanes(lanes, async () => {
      const session = await Session.open({ endpoint, targetName, initiatorName: "iqn.2024-01.org.example:storm" })
      await session.logout()
    }),
    [Symbol.asyncDispose]: nothingToEnd
  })

/** SendTargets=All, in sessions that stay. */
export const discoverOver =
  (lanes: number) =>
  async ({ endpoint }: Lunlog): Promise<RunningBurden> => {
    const sessions = await Promise.all(Array.from({ length: lanes }, () => Session.open({ endpoint })))
    const runs = sessions.map((session) => inLanes(1, () => session.text([["SendTargets", "All"]])))
    return {
      run: async (seconds) => void (await Promise.all(runs.map((run) => run(seconds)))),
      [Symbol.asyncDispose]: async () => {
        for (const session of sessions) session.drop()
      }
    }
  }

/** A call, one after the other. */
export const repeatCall =
  (method: string) =>
  async ({ call }: Lunlog): Promise<RunningBurden> => ({
    run: inLanes(1, () => call(method)),
    [Symbol.asyncDispose]: nothingToEnd
  })
