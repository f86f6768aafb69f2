/** Where state goes when nobody says, for users with and without a home, and who else may write there. */
import { chmodSync, mkdirSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { Effect, Logger } from "effect"
import { afterEach, assert, describe, it, vi } from "vitest"
import { defaultStateDirectory, prepareStateDirectory } from "../../src/cli/serve/state-directory.ts"
import { makeDirectory, removeDirectory } from "../support/target-process.ts"

vi.mock("node:os", async (original) => ({ ...(await original<typeof import("node:os")>()), homedir: vi.fn() }))

/** Without `home` there is no entry for the user. */
const directoryFor = (uid: number, stateHome: string | undefined, home: string | undefined): string => {
  vi.spyOn(process, "getuid").mockReturnValue(uid)
  vi.stubEnv("XDG_STATE_HOME", stateHome)
  vi.mocked(homedir).mockImplementation(() => {
    if (home === undefined) throw new Error("uv_os_homedir returned ENOENT")
    return home
  })
  return defaultStateDirectory()
}

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

interface Case {
  readonly uid: number
  readonly stateHome?: string
  readonly home?: string
  readonly expected: string
}

const cases: ReadonlyArray<Case> = [
  { uid: 0, stateHome: "/x", home: "/root", expected: "/var/lib/lunlog" },
  { uid: 1000, home: "/home/me", expected: "/home/me/.local/state/lunlog" },
  { uid: 1000, stateHome: "", home: "/home/me", expected: "/home/me/.local/state/lunlog" },
  { uid: 1000, stateHome: "/state", home: "/home/me", expected: "/state/lunlog" },
  // A container's numeric user has no entry in /etc/passwd; commands that need no state must work all the same.
  { uid: 1000, expected: "/var/lib/lunlog" },
  { uid: 1000, stateHome: "/state", expected: "/state/lunlog" },
  // Nothing that depends on where the program was started.
  { uid: 1000, home: "", expected: "/var/lib/lunlog" },
  { uid: 1000, stateHome: "state", home: "/home/me", expected: "/home/me/.local/state/lunlog" }
]

describe("a state directory that was there", () => {
  it("is used, and it is told if everybody may exchange what is in it", async () => {
    const parent = makeDirectory("shared")
    for (const [mode, isTold] of [
      [0o700, false],
      [0o770, false],
      [0o1777, false],
      [0o777, true]
    ] as const) {
      const directory = join(parent, mode.toString(8))
      mkdirSync(directory)
      chmodSync(directory, mode)
      const told: Array<string> = []
      const logger = Logger.make(({ message }) => void told.push(String(message)))
      await Effect.runPromise(Effect.provide(prepareStateDirectory(directory), Logger.layer([logger])))
      assert.strictEqual(
        told.some((line) => line.startsWith("everybody may exchange")),
        isTold,
        told.join()
      )
    }
    removeDirectory(parent)
  })
})

describe("the default state directory", () => {
  it.each(cases)("of user $uid with XDG_STATE_HOME $stateHome and home $home is $expected", (given) => {
    assert.strictEqual(directoryFor(given.uid, given.stateHome, given.home), given.expected)
  })
})
