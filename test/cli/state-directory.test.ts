/** Where state goes when nobody says, for users with and without a home. */
import { homedir } from "node:os"
import { afterEach, assert, describe, it, vi } from "vitest"
import { defaultStateDirectory } from "../../src/cli/serve/state-directory.ts"

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

describe("the default state directory", () => {
  it.each(cases)("of user $uid with XDG_STATE_HOME $stateHome and home $home is $expected", (given) => {
    assert.strictEqual(directoryFor(given.uid, given.stateHome, given.home), given.expected)
  })
})
